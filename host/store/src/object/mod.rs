//! Objects behind URLs: S3 and what speaks like it, and HTTP.
//!
//! Callers are task threads, which wait; what they wait for runs on one thread of this crate's own, which begins with the
//! first URL. Every wait ends with the server's answer, with the last of a few tries that each have a time limit, or with
//! a [`Stopper`].

mod client;
mod error;
mod keys;
mod request;
mod upload;

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, GetOptions, GetRange, ListResult, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutPayload, RetryConfig,
};
use scheduler::Settings;

use crate::{Error, ObjectUrl, Result, Scheme, Stopper};
use client::Connector;
use error::object_error;
use keys::Keys;
pub(crate) use request::Request;
pub(crate) use upload::Upload;

/// How long a request is tried again, whatever it says.
const TRIES_WAIT: Duration = Duration::from_secs(180);

/// What the stores are told. Keys and secrets are not among it: they come from this process's environment, as AWS names
/// them there, and nobody else ever sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// Where S3 is, if it is not Amazon's.
    endpoint: Option<String>,
    region: Option<String>,
    /// How long one try of a request may take.
    timeout: Duration,
    /// How often a request is tried again.
    retries: usize,
}

impl Config {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            endpoint: settings.s3_endpoint().map(str::to_owned),
            region: settings.s3_region().map(str::to_owned),
            timeout: settings.objects_timeout(),
            retries: settings.objects_max_retries() as usize,
        }
    }

    fn retry(&self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: self.retries,
            retry_timeout: TRIES_WAIT,
        }
    }
}

/// The stores of one application in this process.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    config: Arc<Config>,
    /// By what comes before the key of their URLs.
    stores: Arc<Mutex<BTreeMap<ObjectUrl, Arc<dyn ObjectStore>>>>,
}

impl Objects {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config: Arc::new(config),
            stores: Arc::default(),
        }
    }

    /// The object that a URL names.
    pub(crate) fn object(&self, url: &ObjectUrl) -> Result<Object> {
        Object::new(self.store(&url.with_key(""))?, url.clone())
    }

    fn store(&self, root: &ObjectUrl) -> Result<Arc<dyn ObjectStore>> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(root) {
            return Ok(Arc::clone(store));
        }
        let store = self
            .connect(root)
            .map_err(|error| object_error("reach", root, error))?;
        stores.insert(root.clone(), Arc::clone(&store));
        Ok(store)
    }

    fn connect(&self, root: &ObjectUrl) -> object_store::Result<Arc<dyn ObjectStore>> {
        let connector = Connector {
            timeout: self.config.timeout,
        };
        if root.scheme != Scheme::S3 {
            let store = HttpBuilder::new()
                .with_url(root.to_string())
                .with_http_connector(connector)
                .with_retry(self.config.retry())
                .build()?;
            return Ok(Arc::new(store));
        }
        let mut s3 = AmazonS3Builder::from_env()
            .with_bucket_name(&root.authority)
            .with_http_connector(connector)
            .with_retry(self.config.retry());
        if let Some(endpoint) = &self.config.endpoint {
            s3 = s3.with_endpoint(endpoint);
        }
        if let Some(region) = &self.config.region {
            s3 = s3.with_region(region);
        }
        let keys = Keys::new(s3.clone().build()?.credentials());
        Ok(Arc::new(s3.with_credentials(Arc::new(keys)).build()?))
    }
}

/// An object, or the folder of this name: there may be either, or both.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    store: Arc<dyn ObjectStore>,
    pub(crate) url: ObjectUrl,
    path: Path,
}

/// What is known of an object before it is read.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) url: ObjectUrl,
    pub(crate) length: u64,
    /// Another one for other bytes.
    pub(crate) version: String,
}

impl Found {
    /// Whether an answer is about the same bytes. Some stores tell tags when asked for an object, but not in lists.
    fn is(&self, now: &ObjectMeta) -> bool {
        let same = if self.version.starts_with(MODIFIED) {
            self.version == modified(now)
        } else {
            now.e_tag.as_ref().is_none_or(|tag| *tag == self.version)
        };
        same && self.length == now.size
    }
}

/// What a version begins with that is a time: no tag does.
const MODIFIED: char = '@';

/// When an object was written, to the second: HTTP has no more.
fn modified(meta: &ObjectMeta) -> String {
    format!("{MODIFIED}{}", meta.last_modified.timestamp())
}

impl Object {
    /// The object of this name below.
    pub(crate) fn join(&self, name: &str) -> Result<Self> {
        Self::new(Arc::clone(&self.store), self.url.join(name))
    }

    fn new(store: Arc<dyn ObjectStore>, url: ObjectUrl) -> Result<Self> {
        let path = Path::parse(&url.key).map_err(|error| Error::Invalid(error.to_string()))?;
        Ok(Self { store, url, path })
    }

    /// Runs a request on this crate's own thread, and waits for it here.
    fn wait<T: Send + 'static>(
        &self,
        action: &'static str,
        stopper: &Stopper,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.finish(action, stopper, Request::begin(request))
    }

    /// Looks for the object.
    pub(crate) fn find(&self, stopper: &Stopper) -> Result<Found> {
        let (store, path) = (Arc::clone(&self.store), self.path.clone());
        let meta = self.wait("look for", stopper, async move { store.head(&path).await })?;
        Ok(self.found(&meta))
    }

    /// What is right below the folder: the names of folders, and objects.
    pub(crate) fn list(&self, stopper: &Stopper) -> Result<(Vec<ObjectUrl>, Vec<Found>)> {
        let (store, path) = (Arc::clone(&self.store), self.path.clone());
        let ListResult {
            common_prefixes,
            objects,
            ..
        } = self.wait("list", stopper, async move {
            let all = path.as_ref().is_empty();
            store.list_with_delimiter((!all).then_some(&path)).await
        })?;
        let folders = common_prefixes.iter();
        Ok((
            folders
                .map(|path| self.url.with_key(path.as_ref()))
                .collect(),
            objects.iter().map(|meta| self.found(meta)).collect(),
        ))
    }

    fn found(&self, meta: &ObjectMeta) -> Found {
        Found {
            url: self.url.with_key(meta.location.as_ref()),
            length: meta.size,
            version: meta.e_tag.clone().unwrap_or_else(|| modified(meta)),
        }
    }

    /// Begins to read a range of an object that was found; of all of it if `range` is.
    pub(crate) fn begin_read(&self, found: &Found, range: Range<u64>) -> Request<Vec<u8>> {
        let (object, found) = (self.clone(), found.clone());
        Request::begin(async move { object.read(&found, range).await })
    }

    async fn read(&self, found: &Found, range: Range<u64>) -> object_store::Result<Vec<u8>> {
        // Not every server knows ranges.
        let part = range != (0..found.length);
        // A weak tag (`W/"..."`) never matches where bytes are asked for.
        let is_strong = found.version.starts_with('"');
        let options = GetOptions {
            range: part.then_some(GetRange::Bounded(range.clone())),
            if_match: is_strong.then(|| found.version.clone()),
            ..GetOptions::default()
        };
        let answer = self.store.get_opts(&self.path, options).await?;
        if !found.is(&answer.meta) {
            return Err(object_store::Error::Precondition {
                path: self.url.to_string(),
                source: "it is another one".into(),
            });
        }
        let bytes: Vec<u8> = answer.bytes().await?.into();
        if bytes.len() as u64 != range.end - range.start {
            return Err(object_store::Error::Generic {
                store: "the server",
                source: error::CutShort.into(),
            });
        }
        Ok(bytes)
    }

    /// Waits for what was begun with this object.
    pub(crate) fn finish<T: Send + 'static>(
        &self,
        action: &'static str,
        stopper: &Stopper,
        request: Request<T>,
    ) -> Result<T> {
        request
            .wait(stopper)
            .ok_or_else(|| Error::Stopped(self.url.to_string()))?
            .map_err(|error| object_error(action, &self.url, error))
    }

    /// Writes an object, whole or not at all.
    pub(crate) fn put(&self, bytes: Vec<u8>, stopper: &Stopper) -> Result<()> {
        let (store, path) = (Arc::clone(&self.store), self.path.clone());
        let payload = PutPayload::from(bytes);
        self.wait("write", stopper, async move {
            store.put(&path, payload).await.map(drop)
        })
    }

    /// Removes the object.
    pub(crate) fn remove(&self, stopper: &Stopper) -> Result<()> {
        let (store, path) = (Arc::clone(&self.store), self.path.clone());
        self.wait("remove", stopper, async move { store.delete(&path).await })
    }

    /// Begins an object that is written in parts, and is there when all of them are.
    pub(crate) fn upload(&self, stopper: &Stopper) -> Result<Upload> {
        let (store, path) = (Arc::clone(&self.store), self.path.clone());
        let upload = self.wait(
            "write",
            stopper,
            async move { store.put_multipart(&path).await },
        )?;
        Ok(Upload::new(self.clone(), upload))
    }
}
