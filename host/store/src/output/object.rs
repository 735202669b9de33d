//! Outputs in a store of objects.

use crate::object::{Object, Upload};
use crate::{Error, Result, Stopper};

/// Bytes of a part of an upload. Stores take 10,000 of them, so a file may have 78 GiB.
const PART_BYTES: usize = 8 << 20;

/// Fails if there is anything below, or at, the place of an output.
pub(super) fn refuse_existing(folder: &Object, stopper: &Stopper) -> Result<()> {
    let (folders, files) = folder.list(stopper)?;
    let is_there = match folder.find(stopper) {
        _ if !folders.is_empty() || !files.is_empty() => true,
        Ok(_) => !folder.url.key.is_empty(),
        Err(Error::NotFound(_)) => false,
        Err(error) => return Err(error),
    };
    if is_there {
        return Err(Error::AlreadyExists(folder.url.to_string()));
    }
    Ok(())
}

/// Removes what attempts have committed.
pub(super) fn remove_all(folder: &Object, stopper: &Stopper) -> Result<()> {
    let (_, files) = folder.list(stopper)?;
    for file in files {
        let name = file.url.key.rsplit('/').next().unwrap_or_default();
        folder.join(name)?.remove(stopper)?;
    }
    Ok(())
}

/// Writes an object that nobody sees before [`commit`](Self::commit).
#[derive(Debug)]
pub(super) struct ObjectWriter {
    object: Object,
    /// What is not sent yet.
    buffer: Vec<u8>,
    /// Begun when the first part is full: most files are smaller, and written at once.
    upload: Option<Upload>,
    stopper: Stopper,
}

impl ObjectWriter {
    pub(super) fn new(object: Object, stopper: Stopper) -> Self {
        Self {
            object,
            buffer: Vec::new(),
            upload: None,
            stopper,
        }
    }

    /// Takes in what fits into the part that is being filled; returns how much.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let taken = bytes.len().min(PART_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == PART_BYTES {
            let part = std::mem::take(&mut self.buffer);
            self.send(part)?;
        }
        Ok(taken)
    }

    fn send(&mut self, part: Vec<u8>) -> Result<()> {
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => none.insert(self.object.upload(&self.stopper)?),
        };
        upload.send(part, &self.stopper)
    }

    /// Sends the last part, and waits for those that are on their way.
    pub(super) fn flush(&mut self) -> Result<()> {
        if self.upload.is_none() {
            return Ok(());
        }
        if !self.buffer.is_empty() {
            let part = std::mem::take(&mut self.buffer);
            self.send(part)?;
        }
        self.upload
            .as_mut()
            .map_or(Ok(()), |upload| upload.wait_for_part(&self.stopper))
    }

    /// Shows the object.
    pub(super) fn commit(self) -> Result<()> {
        match self.upload {
            Some(upload) => upload.complete(&self.stopper),
            None => self.object.put(self.buffer, &self.stopper),
        }
    }
}
