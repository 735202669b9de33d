//! Spark Standalone on this machine, of the same shape as ours: a master and two workers of one core each.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::{median, stdout};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/spark/Data.scala");
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The daemons, and the folder of their files and of the compiled program.
pub(crate) struct Spark {
    home: PathBuf,
    url: String,
    daemons: Vec<Child>,
    folder: TempDir,
}

impl Spark {
    /// Starts the Spark that `SPARK_HOME` names.
    pub(crate) fn of_environment() -> Option<Self> {
        let home = PathBuf::from(env::var_os("SPARK_HOME")?);
        let port = free_port();
        let mut spark = Self {
            home,
            url: format!("spark://127.0.0.1:{port}"),
            daemons: Vec::new(),
            folder: tempfile::tempdir().expect("a folder"),
        };
        spark.compile();
        let port = port.to_string();
        spark.start(&["master.Master", "--port", &port, "--webui-port", "0"]);
        while TcpStream::connect(spark.url.trim_start_matches("spark://")).is_err() {
            thread::sleep(LOOK_EVERY);
        }
        let url = spark.url.clone();
        for _ in 0..2 {
            spark.start(&[
                "worker.Worker",
                "--cores",
                "1",
                "--memory",
                "4g",
                "--webui-port",
                "0",
                &url,
            ]);
        }
        Some(spark)
    }

    /// The compiler comes with Spark.
    fn compile(&self) {
        let jars = self.home.join("jars").join("*");
        let mut scala = Command::new("java");
        scala
            .arg("-cp")
            .arg(&jars)
            .args(["scala.tools.nsc.Main", "-nowarn", "-cp"]);
        stdout(
            scala
                .arg(&jars)
                .arg("-d")
                .arg(self.folder.path())
                .arg(PROGRAM),
        );
    }

    fn start(&mut self, arguments: &[&str]) {
        let [class, rest @ ..] = arguments else {
            unreachable!("a daemon has a class");
        };
        let mut daemon = self.command("spark-class");
        daemon.arg(format!("org.apache.spark.deploy.{class}"));
        daemon.args(["--host", "127.0.0.1"]).args(rest);
        self.daemons
            .push(daemon.spawn().expect("Spark in SPARK_HOME"));
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.home.join("bin").join(name));
        command
            .env("SPARK_LOCAL_IP", "127.0.0.1")
            .env("SPARK_LOCAL_DIRS", self.folder.path())
            .env("SPARK_WORKER_DIR", self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Lets Spark do some work on the inputs in a folder, and returns the median of its warm rounds in seconds.
    pub(crate) fn seconds(&self, work: &str, folder: &Path) -> f64 {
        let mut submit = self.command("spark-submit");
        submit.args([
            "--master",
            &self.url,
            "--class",
            "Data",
            "--driver-memory",
            "2g",
        ]);
        submit
            .args(["--executor-memory", "3g", "--driver-class-path"])
            .arg(self.folder.path());
        let classes = self.folder.path().display();
        for setting in [
            format!("spark.executor.extraClassPath={classes}"),
            "spark.driver.host=127.0.0.1".into(),
            "spark.driver.bindAddress=127.0.0.1".into(),
            "spark.scheduler.minRegisteredResourcesRatio=1.0".into(),
        ] {
            submit.arg("--conf").arg(setting);
        }
        submit.arg("spark-internal").arg(work).arg(folder);
        let printed = stdout(submit.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let seconds = printed
            .lines()
            .filter_map(|line| line.strip_prefix("seconds "));
        median(seconds.map(|text| text.parse().expect("seconds")).collect())
    }
}

impl Drop for Spark {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            // `spark-class` becomes its Java process.
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        let _ = fs::remove_dir_all(self.folder.path());
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}
