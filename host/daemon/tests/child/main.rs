//! A child of the tests' workers: it takes its instructions as an executor or a driver does, and behaves as the name
//! says that it was started by.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use daemon::instructions::{
    DRIVER, DriverInstructions, EXECUTOR, ExecutorInstructions, Place, receive,
};
use daemon::machine::Listen;
use daemon::worker;
use scheduler::Settings;

fn main() {
    let mut args = std::env::args();
    let behaviour = args.next().unwrap();
    let behaviour = Path::new(&behaviour).file_name().unwrap().to_str().unwrap();
    if behaviour == "worker" {
        return run_worker(Path::new(&args.next().unwrap()));
    }
    let (name, place, scratch) = match &*args.next().unwrap() {
        EXECUTOR => {
            let told: ExecutorInstructions = receive().unwrap();
            assert!(told.shuffle.is_dir());
            (told.name.to_string(), told.place, told.scratch)
        }
        DRIVER => {
            let told: DriverInstructions = receive().unwrap();
            if let Ok(component) = std::fs::read_to_string(&told.component) {
                say(&component);
            }
            (told.driver.to_string(), told.place, told.scratch)
        }
        other => panic!("there is no `{other}`"),
    };
    assert!(place.components.is_dir());
    std::fs::write(scratch.join("spilled"), "bytes").unwrap();
    std::fs::write(scratch.join("pid"), std::process::id().to_string()).unwrap();
    say(&format!("{name} on {} as {}", place.host, subject(&place)));
    behave(behaviour, &place);
}

/// A worker of its own: what is in a folder says where its master is, and its children hang.
fn run_worker(folder: &Path) {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let config = worker::Config {
        masters: read("masters").parse().unwrap(),
        token: Some(read("token").parse().unwrap()),
        patience: Duration::from_secs(60),
        listen: Listen::new("127.0.0.1", None, 0),
        host: "here".into(),
        rack: None,
        cores: 4,
        memory: 4 << 30,
        work_folder: folder.join("work"),
        cache_folder: folder.join("cache"),
        program: folder.join("stubborn"),
        settings: Settings::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let worker = worker::start(config).await.unwrap();
        worker.until_signalled().await.unwrap();
    });
}

fn subject(place: &Place) -> String {
    let credentials = place.credentials.credentials().unwrap();
    format!("{:?}", credentials.identity().subject.role())
}

fn behave(behaviour: &str, place: &Place) {
    match behaviour {
        "ends" => {}
        "fails" => std::process::exit(3),
        "aborts" => std::process::abort(),
        "hangs" => std::thread::sleep(Duration::from_secs(600)),
        "stubborn" => ignore_sigterm(),
        "prints" => {
            for line in 0..100 {
                say(&format!("line {line:04} of {}", place.worker));
            }
            std::thread::sleep(Duration::from_secs(600));
        }
        other => panic!("there is no behaviour `{other}`"),
    }
}

fn ignore_sigterm() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).unwrap();
        say("stubborn");
        while terminate.recv().await.is_some() {
            say("no");
        }
    });
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}
