//! Objects that are written in parts.

use object_store::{MultipartUpload, PutPayload};

use super::Object;
use super::request::{Request, runtime};
use crate::{Result, Stopper};

/// An object that comes into being part by part. Dropped before its end, its parts are removed.
#[derive(Debug)]
pub(crate) struct Upload {
    object: Object,
    /// None once it is over.
    upload: Option<Box<dyn MultipartUpload>>,
    /// The part that is on its way.
    sending: Option<Request<()>>,
}

impl Upload {
    pub(super) fn new(object: Object, upload: Box<dyn MultipartUpload>) -> Self {
        Self {
            object,
            upload: Some(upload),
            sending: None,
        }
    }

    /// Sends a part, as soon as the one before has arrived. All parts but the last are equally long, and at least 5 MiB.
    pub(crate) fn send(&mut self, bytes: Vec<u8>, stopper: &Stopper) -> Result<()> {
        self.wait_for_part(stopper)?;
        if let Some(upload) = &mut self.upload {
            self.sending = Some(Request::begin(upload.put_part(PutPayload::from(bytes))));
        }
        Ok(())
    }

    /// Waits until every part has arrived.
    pub(crate) fn wait_for_part(&mut self, stopper: &Stopper) -> Result<()> {
        match self.sending.take() {
            Some(part) => self.object.finish("write", stopper, part),
            None => Ok(()),
        }
    }

    /// Shows the object.
    pub(crate) fn complete(mut self, stopper: &Stopper) -> Result<()> {
        self.wait_for_part(stopper)?;
        let Some(mut upload) = self.upload.take() else {
            return Ok(());
        };
        let object = self.object.clone();
        object.wait("write", stopper, async move {
            let completed = upload.complete().await.map(drop);
            if completed.is_err() {
                // The first failure is the one to tell of.
                let _ = upload.abort().await;
            }
            completed
        })
    }
}

impl Drop for Upload {
    /// Nobody waits for the removal: a store forgets parts by itself, if its bucket is told when.
    fn drop(&mut self) {
        if let Some(mut upload) = self.upload.take() {
            let sending = self.sending.take();
            runtime().spawn(async move {
                drop(sending);
                let _ = upload.abort().await;
            });
        }
    }
}
