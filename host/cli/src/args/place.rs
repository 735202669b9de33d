//! Where tasks run, as it is typed: `--master`.

use std::str::FromStr;

use daemon::Masters;
use scheduler::Settings;

/// Cores beyond this are a slip of the finger, and each costs a thread.
const CORES_MAX: u32 = 4096;
/// Workers beyond this do not fit on one machine, and each costs some processes.
const WORKERS_MAX: u32 = 64;

/// Where tasks run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Master {
    /// In this process, on so many cores; none for all of this machine.
    Local(Option<u32>),
    /// On a cluster on this machine that lasts as long as the run.
    LocalCluster(Shape),
    /// On a cluster.
    Cluster(Masters),
}

/// How large a cluster on one machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many workers it has.
    pub workers: u32,
    /// Cores of each.
    pub cores: u32,
    /// Bytes of memory of each.
    pub memory: u64,
}

impl FromStr for Master {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        if url == "local" {
            return Ok(Self::Local(Some(1)));
        }
        if let Some(inner) = inside(url, "local") {
            return local(inner).map(Self::Local);
        }
        if let Some(inner) = inside(url, "local-cluster") {
            return inner.parse().map(Self::LocalCluster);
        }
        if url.starts_with("local-cluster") {
            return Err(HOW_LOCAL_CLUSTER.into());
        }
        match url.split_once("://") {
            Some(("spark", hosts)) => Err(format!("type tinderbox://{hosts}")),
            Some(_) => masters(url).map(Self::Cluster),
            None => Err(
                "known are local, local[N], local[*], local-cluster[2,1,512m] and tinderbox://host:7077"
                    .into(),
            ),
        }
    }
}

/// Returns what stands in the brackets of `name[...]`.
fn inside<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    url.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')
}

fn local(cores: &str) -> Result<Option<u32>, String> {
    match (cores, cores.parse::<u32>()) {
        ("*", _) => Ok(None),
        (_, Ok(number @ 1..=CORES_MAX)) => Ok(Some(number)),
        _ if cores.contains(',') => {
            Err("local[N,F] is not known: type local[N] and --conf task.maxFailures=F".into())
        }
        _ => Err(format!(
            "N in local[N] is a number of cores, from 1 to {CORES_MAX}, or *"
        )),
    }
}

const HOW_LOCAL_CLUSTER: &str =
    "write it as local-cluster[WORKERS,CORES,MEMORY], such as 'local-cluster[2,1,512m]'";

impl FromStr for Shape {
    type Err = String;

    /// Reads `workers,cores,memory`, cores and memory being those of each worker.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let [workers, cores, bytes] = parts[..] else {
            return Err(HOW_LOCAL_CLUSTER.into());
        };
        let number = |text: &str, most: u32, what: &str| match text.parse() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(format!(
                "`{text}` is no number of {what} from 1 to {most}; {HOW_LOCAL_CLUSTER}"
            )),
        };
        Ok(Self {
            workers: number(workers, WORKERS_MAX, "workers")?,
            cores: number(cores, CORES_MAX, "cores")?,
            memory: memory(bytes)?,
        })
    }
}

/// Reads a quantity of memory in bytes, as the settings write it.
pub(crate) fn memory(text: &str) -> Result<u64, String> {
    let mut settings = Settings::default();
    match settings.set("executor.memory", text) {
        Ok(()) => Ok(settings.executor_memory()),
        Err(_) => Err(format!(
            "`{text}` is no quantity of memory: write 512m or 2g; a plain number counts MiB"
        )),
    }
}

/// Reads where masters are.
pub(crate) fn masters(url: &str) -> Result<Masters, String> {
    url.parse().map_err(|_| {
        "masters are written as tinderbox://host:7077, several with commas between them".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masters_on_this_machine() {
        assert_eq!("local".parse(), Ok(Master::Local(Some(1))));
        assert_eq!("local[2]".parse(), Ok(Master::Local(Some(2))));
        assert_eq!("local[*]".parse(), Ok(Master::Local(None)));
    }

    #[test]
    fn clusters() {
        let small = Shape {
            workers: 2,
            cores: 1,
            memory: 512 << 20,
        };
        for url in ["local-cluster[2,1,512m]", "local-cluster[2, 1, 512]"] {
            assert_eq!(url.parse(), Ok(Master::LocalCluster(small)), "{url}");
        }
        match "tinderbox://a,b:7078".parse() {
            Ok(Master::Cluster(masters)) => {
                assert_eq!(masters.to_string(), "tinderbox://a:7077,b:7078");
            }
            other => panic!("no cluster: {other:?}"),
        }
    }

    #[test]
    fn what_is_no_master_says_what_to_type() {
        let wrong = [
            "local[0]",
            "local[x]",
            "local[]",
            "local[2,3]",
            "local[99999]",
            "local2",
            "yarn",
            "spark://host:7077",
            "tinderbox://",
            "tinderbox://host:port",
            "http://host",
            "local-cluster",
            "local-cluster[2]",
            "local-cluster[2,1]",
            "local-cluster[0,1,512m]",
            "local-cluster[2,many,512m]",
            "local-cluster[2,1,lots]",
            "local-cluster[2,1,512m",
            "",
        ];
        let errors = wrong.map(|url| format!("{url}: {}", url.parse::<Master>().unwrap_err()));
        insta::assert_snapshot!(errors.join("\n"));
    }
}
