//! A real server that speaks S3, `s3s` over a folder, on loopback; and tests as children that have keys for it.
//!
//! Keys come from the environment, as with any S3 client; a process cannot change its own, so each test runs as a child.

use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use scheduler::Settings;
use store::source::{Cut, LineReader, text_splits};
use store::{Files, Grants, Result, Stopper};

pub(crate) const KEY: &str = "the-key";
pub(crate) const SECRET: &str = "the-secret-that-nobody-sees";

/// Runs the test of this name with keys in its environment.
pub(crate) fn with_keys(test: &str, secret: &str, run: impl FnOnce()) {
    let keys = [
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ];
    with_environment(test, &keys, run);
}

pub(crate) fn with_environment(test: &str, variables: &[(&str, &str)], run: impl FnOnce()) {
    if std::env::var("TEST_OF_S3").is_ok_and(|running| running == test) {
        return run();
    }
    let others = std::env::vars_os().map(|(name, _)| name);
    let others = others.filter(|name| name.to_string_lossy().starts_with("AWS_"));
    let mut child = Command::new(std::env::current_exe().unwrap());
    others.for_each(|name| {
        child.env_remove(name);
    });
    let ended = child
        .args([test, "--exact", "--nocapture"])
        .env("TEST_OF_S3", test)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{words}");
    assert!(!words.contains(SECRET), "a secret is seen: {words}");
}

/// A server with the bucket `data`.
pub(crate) struct Server {
    pub(crate) root: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    /// The ranges that it was asked for, in order.
    ranges: Arc<Mutex<Vec<Range<u64>>>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("data")).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(root.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let ranges: Arc<Mutex<Vec<Range<u64>>>> = Arc::default();
        let asked = Arc::clone(&ranges);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (socket, _) = listener.accept().await.unwrap();
                    let (service, asked) = (service.clone(), Arc::clone(&asked));
                    let noting = service_fn(move |request: Request<Incoming>| {
                        asked.lock().unwrap().extend(range(&request));
                        Service::call(&service, request)
                    });
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), noting);
                    tokio::spawn(connection);
                }
            });
        });
        Self {
            root,
            address,
            ranges,
        }
    }

    pub(crate) fn files(&self) -> Files {
        files_at(self.address)
    }

    /// Forgets the ranges that it was asked for, and gives them.
    pub(crate) fn take_ranges(&self) -> Vec<Range<u64>> {
        std::mem::take(&mut self.ranges.lock().unwrap())
    }
    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        let path = self.root.path().join("data").join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// The objects below `key`, sorted.
    pub(crate) fn objects(&self, key: &str) -> Vec<String> {
        fn add(folder: &Path, before: &str, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let entry = entry.unwrap();
                let name = format!("{before}{}", entry.file_name().to_string_lossy());
                match entry.path().is_dir() {
                    true => add(&entry.path(), &format!("{name}/"), found),
                    false => found.push(name),
                }
            }
        }
        let mut found = Vec::new();
        add(&self.root.path().join("data").join(key), "", &mut found);
        found.sort();
        found
    }
}

/// What the tests may touch of the server at this address.
pub(crate) fn files_at(address: SocketAddr) -> Files {
    let mut settings = Settings::default();
    let endpoint = format!("http://{address}");
    settings.set("hadoop.fs.s3a.endpoint", &endpoint).unwrap();
    settings.set("objects.maxRetries", "1").unwrap();
    let grants = Grants::new(
        &["s3://data/in".into(), "s3://none".into()],
        &["s3://data/out".into()],
    );
    Files::new(grants.unwrap(), &settings)
}

/// The range that a request asks for, its end excluded.
pub(crate) fn range(request: &Request<Incoming>) -> Option<Range<u64>> {
    let range = request.headers().get("range")?.to_str().ok()?;
    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
    Some(start.parse().ok()?..end.parse::<u64>().ok()? + 1)
}

pub(crate) fn text(files: &Files, uri: &str) -> Result<String> {
    let wanted = Cut {
        min_partitions: 3,
        max_bytes: 1 << 30,
    };
    let mut text = String::new();
    for split in text_splits(files, uri, wanted, &Stopper::default())? {
        let file = files.open(&split.uri, &Stopper::default())?;
        let mut lines = LineReader::open(file, split.start, split.length, 1 << 20)?;
        while let Some(batch) = Some(lines.read()?).filter(|batch| !batch.is_empty()) {
            text += &batch;
        }
    }
    Ok(text)
}
