//! A store that speaks as much S3 as programs of the tests need, in memory, on loopback.
//!
//! The store's own tests have a real server. This one is for whole programs: it would change what the engine is built
//! with, and so how long everything takes, if the command's tests needed all that a real one does.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Who may ask. A real server would check the signature, too.
pub(crate) const KEY: &str = "the-key";

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// By bucket and key.
type Stored = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// It goes with the process. Where a name ends with `-silent-GET`, a GET is never answered, with `-503-GET` always so, and so on.
pub(crate) struct ObjectServer {
    pub(crate) endpoint: String,
    stored: Stored,
    /// The methods of what was asked.
    asked: Mutex<Receiver<String>>,
}

struct Asked {
    method: String,
    /// Bucket and key.
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Asked {
    /// Whether one of the names says how it is to be answered.
    fn is_to_be(&self, how: &str) -> bool {
        let end = format!("-{how}-{}", self.method);
        self.path.split('/').any(|name| name.ends_with(&end))
    }
}

fn answers(status: &str) -> &'static str {
    match status {
        "403" => "403 Forbidden",
        _ => "503 Slow Down",
    }
}

impl ObjectServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (tell, asked) = mpsc::channel();
        let server = Self {
            endpoint: format!("http://{}", listener.local_addr().unwrap()),
            stored: Stored::default(),
            asked: Mutex::new(asked),
        };
        let stored = Arc::clone(&server.stored);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (stored, tell) = (Arc::clone(&stored), tell.clone());
                thread::spawn(move || serve(&connection.unwrap(), &stored, &tell));
            }
        });
        server
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let mut stored = self.stored.lock().unwrap();
        stored.insert(path.to_owned(), bytes.to_vec());
    }

    /// Waits until somebody asks by this method.
    #[track_caller]
    pub(crate) fn until_asked(&self, method: &str) {
        let asked = self.asked.lock().unwrap();
        while asked.recv_timeout(LONG).unwrap() != method {}
    }

    /// What is there, by name.
    pub(crate) fn stored(&self) -> BTreeMap<String, Vec<u8>> {
        self.stored.lock().unwrap().clone()
    }
}

fn serve(mut connection: &TcpStream, stored: &Stored, tell: &Sender<String>) {
    let mut input = BufReader::new(connection);
    while let Some(asked) = read(&mut input) {
        // Nobody listens after the test.
        let _ = tell.send(asked.method.clone());
        let (status, headers, body) = answer(&asked, stored);
        let length = match body.len() {
            0 if headers.contains("Content-Length") => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        let head = format!("HTTP/1.1 {status}\r\n{headers}{length}\r\n");
        if connection
            .write_all(&[head.as_bytes(), &body].concat())
            .is_err()
        {
            return;
        }
    }
}

fn read(input: &mut impl BufRead) -> Option<Asked> {
    let mut line = || {
        let mut line = String::new();
        input.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = line()?.split_once(": ") {
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|text| text.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    input.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Asked {
        method,
        path: path.trim_start_matches('/').to_owned(),
        query: query.to_owned(),
        headers,
        body,
    })
}

type Answer = (&'static str, String, Vec<u8>);

fn answer(asked: &Asked, stored: &Stored) -> Answer {
    if asked.is_to_be("silent") {
        thread::park();
    }
    for (status, word) in [("403", "AccessDenied"), ("503", "SlowDown")] {
        if asked.is_to_be(status) {
            let body = format!("<Error><Code>{word}</Code><Message>not now</Message></Error>");
            return (answers(status), String::new(), body.into());
        }
    }
    let from = asked.headers.get("authorization");
    if !from.is_some_and(|from| from.contains(&format!("Credential={KEY}/"))) {
        let body = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        return (answers("403"), String::new(), body.into());
    }
    let mut stored = stored.lock().unwrap();
    match &*asked.method {
        "PUT" => {
            stored.insert(asked.path.clone(), asked.body.clone());
            ("200 OK", tag(&asked.body), Vec::new())
        }
        "DELETE" => {
            stored.remove(&asked.path);
            ("204 No Content", String::new(), Vec::new())
        }
        _ if asked.query.contains("list-type=2") => list(asked, &stored),
        _ => match stored.get(&asked.path) {
            Some(bytes) => object(asked, bytes),
            None => ("404 Not Found", String::new(), Vec::new()),
        },
    }
}

fn tag(bytes: &[u8]) -> String {
    let sum = bytes
        .iter()
        .fold(7u64, |sum, byte| sum.wrapping_mul(31) + u64::from(*byte));
    format!("ETag: \"{sum:x}\"\r\nLast-Modified: Sat, 21 Nov 2026 12:00:00 GMT\r\n")
}

fn object(asked: &Asked, bytes: &[u8]) -> Answer {
    let headers = tag(bytes);
    if asked.method == "HEAD" {
        return (
            "200 OK",
            format!("{headers}Content-Length: {}\r\n", bytes.len()),
            Vec::new(),
        );
    }
    let range = asked.headers.get("range").and_then(|range| {
        let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((start.parse::<usize>().ok()?, end.parse::<usize>().ok()? + 1))
    });
    let Some((start, end)) = range else {
        return ("200 OK", headers, bytes.to_vec());
    };
    let end = end.min(bytes.len());
    let range = format!(
        "Content-Range: bytes {start}-{}/{}\r\n",
        end - 1,
        bytes.len()
    );
    (
        "206 Partial Content",
        headers + &range,
        bytes[start..end].to_vec(),
    )
}

/// What is right below a folder.
fn list(asked: &Asked, stored: &BTreeMap<String, Vec<u8>>) -> Answer {
    let prefix = asked
        .query
        .split('&')
        .find_map(|part| part.strip_prefix("prefix="));
    let prefix = prefix.unwrap_or_default().replace("%2F", "/");
    let below = format!("{}/{prefix}", asked.path.trim_end_matches('/'));
    let (mut files, mut folders) = (String::new(), BTreeMap::new());
    for (path, bytes) in stored.iter().filter(|(path, _)| path.starts_with(&below)) {
        let name = &path[below.len()..];
        if let Some((folder, _)) = name.split_once('/') {
            folders.insert(folder.to_owned(), ());
            continue;
        }
        let headers = tag(bytes);
        let tag = headers.split('"').nth(1).unwrap_or_default();
        files += &format!(
            "<Contents><Key>{prefix}{name}</Key><Size>{}</Size><ETag>\"{tag}\"</ETag>\
             <LastModified>2026-11-21T12:00:00.000Z</LastModified></Contents>",
            bytes.len()
        );
    }
    let folders = folders.keys().map(|folder| {
        format!("<CommonPrefixes><Prefix>{prefix}{folder}/</Prefix></CommonPrefixes>")
    });
    let folders: String = folders.collect();
    let body = format!("<ListBucketResult>{files}{folders}</ListBucketResult>");
    ("200 OK", String::new(), body.into())
}
