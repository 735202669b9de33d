//! Files behind `http://`, from servers that keep to the rules and from some that do not.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use scheduler::Settings;
use store::source::{Cut, FileSplit, LineReader, text_splits};
use store::{Error, Files, Grants, Result, Stopper};

/// What a server is asked.
struct Asked {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
}

impl Asked {
    /// The range that is wanted, its end excluded.
    fn range(&self) -> Option<(usize, usize)> {
        let (start, end) = self
            .headers
            .get("range")?
            .strip_prefix("bytes=")?
            .split_once('-')?;
        Some((start.parse().ok()?, end.parse::<usize>().ok()? + 1))
    }
}

/// What a server does about it. The whole answer is bytes, so that it may be a wrong one.
enum Reply {
    Bytes(Vec<u8>),
    /// It says nothing, and keeps the connection.
    Silence,
}

/// A server on loopback, one thread a connection. It goes with the process.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    fn start(answer: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
        };
        let (asked, answer) = (Arc::clone(&server.asked), Arc::new(answer));
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
                thread::spawn(move || serve(connection.unwrap(), &asked, &*answer));
            }
        });
        server
    }

    /// A server of one file.
    fn of(bytes: Vec<u8>) -> Self {
        Self::start(move |asked, _| file(asked, &bytes, "\"one\""))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    fn files(&self, settings: &[(&str, &str)]) -> Files {
        let mut all = Settings::default();
        all.set("objects.maxRetries", "2").unwrap();
        for (key, value) in settings {
            all.set(key, value).unwrap();
        }
        let grants = Grants::new(&[self.url("data").into()], &[]).unwrap();
        Files::new(grants, &all)
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn serve(
    connection: TcpStream,
    asked: &Mutex<Vec<Asked>>,
    answer: &(dyn Fn(&Asked, usize) -> Reply + Send + Sync),
) {
    let mut lines = BufReader::new(&connection).lines();
    let Some(Ok(first)) = lines.next() else {
        return;
    };
    let mut words = first.split(' ').map(str::to_owned);
    let headers = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty());
    let question = Asked {
        method: words.next().unwrap(),
        path: words.next().unwrap(),
        headers: headers
            .filter_map(|line| {
                let (name, value) = line.split_once(": ")?;
                Some((name.to_lowercase(), value.to_owned()))
            })
            .collect(),
    };
    let before = asked.lock().unwrap().len();
    let reply = answer(&question, before);
    asked.lock().unwrap().push(question);
    match reply {
        Reply::Bytes(bytes) => {
            // Who asked may have gone.
            let _ = (&connection).write_all(&bytes);
        }
        Reply::Silence => thread::park(),
    }
}

fn reply(status: &str, headers: &str, body: &[u8]) -> Reply {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    Reply::Bytes([head.as_bytes(), body].concat())
}

/// Serves a file as a server should.
fn file(asked: &Asked, bytes: &[u8], tag: &str) -> Reply {
    if asked
        .headers
        .get("if-match")
        .is_some_and(|wanted| wanted != tag)
    {
        return reply("412 Precondition Failed", "", b"");
    }
    let headers = format!("ETag: {tag}\r\nLast-Modified: Sat, 21 Nov 2026 12:00:00 GMT\r\n");
    match (&*asked.method, asked.range()) {
        ("HEAD", _) => {
            let length = bytes.len();
            Reply::Bytes(
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n").into(),
            )
        }
        (_, Some((start, end))) => {
            let end = end.min(bytes.len());
            let range = format!(
                "Content-Range: bytes {start}-{}/{}\r\n",
                end - 1,
                bytes.len()
            );
            reply(
                "206 Partial Content",
                &(headers + &range),
                &bytes[start..end],
            )
        }
        (_, None) => reply("200 OK", &headers, bytes),
    }
}

fn splits(files: &Files, uri: &str) -> Result<Vec<FileSplit>> {
    splits_in(3, files, uri)
}

fn splits_in(min_partitions: u32, files: &Files, uri: &str) -> Result<Vec<FileSplit>> {
    let wanted = Cut {
        min_partitions,
        max_bytes: 1 << 30,
    };
    text_splits(files, uri, wanted, &Stopper::default())
}

fn read(files: &Files, split: &FileSplit, stopper: &Stopper) -> Result<String> {
    let file = files.open(&split.uri, stopper)?;
    let mut lines = LineReader::open(file, split.start, split.length, 1 << 20)?;
    let mut text = String::new();
    loop {
        let batch = lines.read()?;
        if batch.is_empty() {
            return Ok(text);
        }
        text += &batch;
    }
}

fn text(files: &Files, uri: &str) -> Result<String> {
    let splits = splits(files, uri)?;
    let texts = splits
        .iter()
        .map(|split| read(files, split, &Stopper::default()));
    texts.collect()
}

fn lines(count: usize) -> String {
    (0..count)
        .map(|n| format!("line {n} of a text that is read in ranges\n"))
        .collect()
}

#[test]
fn splits_are_read_in_ranges_and_no_line_is_lost() {
    let whole = lines(400_000);
    let server = Server::of(whole.clone().into_bytes());
    let files = server.files(&[]);
    let uri = server.url("data/a.txt");
    let cut = splits(&files, &uri).unwrap();
    assert_eq!(cut.len(), 3);
    let parts: Vec<_> = cut
        .iter()
        .map(|split| read(&files, split, &Stopper::default()).unwrap())
        .collect();
    assert!(
        parts
            .iter()
            .all(|part| part.starts_with("line ") && part.ends_with('\n'))
    );
    assert!(parts.concat() == whole);
    let asked = server.asked.lock().unwrap();
    let ranges = asked.iter().filter(|asked| asked.range().is_some());
    assert!(ranges.count() > 3, "in ranges");
    assert!(asked.iter().all(|asked| asked.path == "/data/a.txt"));
}

#[test]
fn a_compressed_file_is_decompressed_on_its_way() {
    let whole = lines(10_000);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(whole.as_bytes()).unwrap();
    let server = Server::of(encoder.finish().unwrap());
    let files = server.files(&[]);
    assert!(text(&files, &server.url("data/a.gz")).unwrap() == whole);
}

#[test]
fn what_is_not_granted_is_not_asked_for() {
    let server = Server::of(b"x\n".to_vec());
    let files = server.files(&[]);
    for path in [
        "secret.txt",
        "data/../secret.txt",
        "data/%2e%2e/secret.txt",
        "data2/x",
    ] {
        let error = text(&files, &server.url(path)).unwrap_err();
        assert!(matches!(error, Error::Denied { .. }), "{path}: {error}");
        assert!(
            error.to_string().contains("--allow-read http://"),
            "{error}"
        );
    }
    let error = text(&files, &server.url("data/..%2fsecret.txt")).unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    assert_eq!(server.asked(), 0);
}

#[test]
fn a_refusal_is_told_at_once() {
    for status in ["403 Forbidden", "401 Unauthorized"] {
        let server = Server::start(move |_, _| reply(status, "", b"go away"));
        let (files, uri) = (server.files(&[]), server.url("data/a.txt"));
        let error = text(&files, &uri).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        assert!(error.to_string().contains(&uri), "{error}");
        assert_eq!(server.asked(), 1, "{status}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let server = Server::start(|_, _| reply("404 Not Found", "", b""));
    let uri = server.url("data/a.txt");
    let error = text(&server.files(&[]), &uri).unwrap_err();
    assert_eq!(error.to_string(), format!("`{uri}` does not exist"));
}

#[test]
fn a_busy_server_is_asked_again_and_then_named() {
    let server = Server::start(|_, _| reply("503 Service Unavailable", "", b"SlowDown"));
    let (files, uri) = (server.files(&[]), server.url("data/a.txt"));
    let error = text(&files, &uri).unwrap_err();
    assert!(matches!(error, Error::Remote { .. }), "{error}");
    let words = error.to_string();
    assert!(words.contains(&uri) && words.contains("503"), "{words}");
    assert!(words.contains("tried again 2 times"), "{words}");
    assert_eq!(server.asked(), 3);
}

#[test]
fn a_server_that_was_busy_is_forgiven() {
    let server = Server::start(|asked, before| match before {
        0 | 2 => reply("503 Service Unavailable", "", b""),
        _ => file(asked, b"one\ntwo\n", "\"one\""),
    });
    let files = server.files(&[]);
    assert_eq!(
        text(&files, &server.url("data/a.txt")).unwrap(),
        "one\ntwo\n"
    );
}

#[test]
fn a_silent_server_is_given_up() {
    let server = Server::start(|_, _| Reply::Silence);
    let files = server.files(&[("objects.timeout", "100ms"), ("objects.maxRetries", "1")]);
    let uri = server.url("data/a.txt");
    let error = text(&files, &uri).unwrap_err();
    assert!(matches!(error, Error::Remote { .. }), "{error}");
    let words = error.to_string();
    assert!(
        words.contains(&uri) && words.contains("timed out"),
        "{words}"
    );
    assert_eq!(server.asked(), 2);
}

#[test]
fn whoever_is_stopped_waits_for_no_server() {
    let (tell, told) = mpsc::channel();
    let server = Server::start(move |asked, _| {
        if asked.method == "HEAD" {
            return file(asked, b"one\n", "\"one\"");
        }
        tell.send(()).unwrap();
        Reply::Silence
    });
    let files = server.files(&[("objects.timeout", "1h")]);
    let split = splits(&files, &server.url("data/a.txt")).unwrap().remove(0);
    let stopper = Stopper::default();
    let reading = thread::spawn({
        let stopper = stopper.clone();
        move || read(&files, &split, &stopper)
    });
    told.recv_timeout(Duration::from_secs(30)).unwrap();
    stopper.stop();
    let error = reading.join().unwrap().unwrap_err();
    assert!(matches!(error, Error::Stopped(_)), "{error}");
}

#[test]
fn nobody_is_waited_for_after_a_stop() {
    let server = Server::start(|_, _| Reply::Silence);
    let files = server.files(&[("objects.timeout", "1h")]);
    let stopper = Stopper::default();
    stopper.stop();
    let listed = files.list(&server.url("data/a.txt"), &stopper);
    assert!(matches!(listed, Err(Error::Stopped(_))), "{listed:?}");
}

#[test]
fn an_answer_that_is_cut_is_not_taken_for_whole() {
    let server = Server::start(
        |asked, _| match file(asked, b"one\ntwo\nthree\n", "\"one\"") {
            Reply::Bytes(mut bytes) if asked.method == "GET" => {
                bytes.truncate(bytes.len() - 4);
                Reply::Bytes(bytes)
            }
            other => other,
        },
    );
    let uri = server.url("data/a.txt");
    let error = text(&server.files(&[]), &uri).unwrap_err();
    assert!(matches!(error, Error::Remote { .. }), "{error}");
    assert!(error.to_string().contains(&uri), "{error}");
}

#[test]
fn an_answer_that_breaks_off_is_taken_up_where_it_broke() {
    let whole = b"one\ntwo\nthree\n";
    let server = Server::start(move |asked, before| match file(asked, whole, "\"one\"") {
        Reply::Bytes(mut bytes) if before == 1 => {
            bytes.truncate(bytes.len() - 4);
            Reply::Bytes(bytes)
        }
        other => other,
    });
    let (files, uri) = (server.files(&[]), server.url("data/a.txt"));
    let split = splits_in(1, &files, &uri).unwrap().remove(0);
    let text = read(&files, &split, &Stopper::default()).unwrap();
    assert_eq!(text.as_bytes(), whole);
    let asked = server.asked.lock().unwrap();
    assert_eq!(asked[2].range(), Some((whole.len() - 4, whole.len())));
}

#[test]
fn a_file_that_is_replaced_is_named() {
    let changed = |server: &Server| {
        let (files, uri) = (server.files(&[]), server.url("data/a.txt"));
        let split = splits_in(1, &files, &uri).unwrap().remove(0);
        let error = read(&files, &split, &Stopper::default()).unwrap_err();
        assert!(matches!(error, Error::Changed(_)), "{error}");
        assert!(error.to_string().contains(&uri), "{error}");
    };
    let tag = |before| if before == 0 { "\"one\"" } else { "\"two\"" };
    changed(&Server::start(move |asked, before| {
        file(asked, b"one\n", tag(before))
    }));
    // One that does not know `If-Match`.
    changed(&Server::start(move |asked, before| {
        let asked = Asked {
            method: asked.method.clone(),
            path: asked.path.clone(),
            headers: BTreeMap::new(),
        };
        file(&asked, b"one\n", tag(before))
    }));
    // One that knows no tags.
    changed(&Server::start(|asked, before| {
        let body = if before == 0 {
            &b"one\n"[..]
        } else {
            b"one\ntwo\n"
        };
        match &*asked.method {
            "HEAD" => Reply::Bytes(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\n".to_vec(),
            ),
            _ => reply("200 OK", "", body),
        }
    }));
}

#[test]
fn a_redirect_may_lead_out_and_is_not_followed() {
    let other = Server::of(b"secret\n".to_vec());
    let location = format!("Location: {}\r\n", other.url("secret"));
    let server = Server::start(move |_, _| reply("302 Found", &location, b""));
    let error = text(&server.files(&[]), &server.url("data/a.txt")).unwrap_err();
    assert!(error.to_string().contains("302"), "{error}");
    assert_eq!((server.asked(), other.asked()), (1, 0));
}

#[test]
fn a_server_without_ranges_serves_what_is_read_at_once() {
    let ignore_ranges = |bytes: Vec<u8>| {
        Server::start(move |asked, _| {
            let asked = Asked {
                method: asked.method.clone(),
                path: asked.path.clone(),
                headers: BTreeMap::new(),
            };
            file(&asked, &bytes, "\"one\"")
        })
    };
    let small = ignore_ranges(b"one\ntwo\n".to_vec());
    let files = small.files(&[]);
    let split = splits_in(1, &files, &small.url("data/a.txt"))
        .unwrap()
        .remove(0);
    let text = read(&files, &split, &Stopper::default()).unwrap();
    assert_eq!(text, "one\ntwo\n");
    let large = ignore_ranges(lines(200_000).into_bytes());
    let error = self::text(&large.files(&[]), &large.url("data/a.txt")).unwrap_err();
    assert!(error.to_string().contains("knows no ranges"), "{error}");
}

#[test]
fn http_has_no_folders_and_no_patterns() {
    let server = Server::start(|_, _| reply("404 Not Found", "", b""));
    let files = server.files(&[]);
    let error = text(&files, &server.url("data/*.txt")).unwrap_err();
    assert!(error.to_string().contains("name each file"), "{error}");
    assert_eq!(server.asked(), 0);
}

#[test]
fn http_is_not_written() {
    let grants = Grants::new(&[], &["http://127.0.0.1:1/out".into()]).unwrap();
    let files = Files::new(grants, &Settings::default());
    let error = store::Output::create(&files, "http://127.0.0.1:1/out", &Stopper::default());
    assert!(error.unwrap_err().to_string().contains("can only be read"));
}
