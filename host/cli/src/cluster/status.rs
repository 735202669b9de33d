//! A cluster as a text for people: tables of its workers, applications and drivers, each with what it waits for.

use std::fmt::Write as _;

use daemon::Masters;
use daemon::status::{ApplicationStatus, ClusterStatus, DriverStatus, WorkerStatus};

use crate::units::{bytes, count};

/// Returns how a cluster is, ending in a newline.
pub fn text(masters: &Masters, status: &ClusterStatus) -> String {
    let mut text = format!("{masters} is {}: {}\n", status.state, totals(status));
    let tables = [
        workers(&status.workers),
        applications(&status.applications),
        drivers(&status.drivers),
    ];
    for table in tables.into_iter().filter(|table| !table.rows.is_empty()) {
        text.push('\n');
        table.write(&mut text);
    }
    text
}

fn totals(status: &ClusterStatus) -> String {
    let living: Vec<_> = status
        .workers
        .iter()
        .filter(|worker| worker.state == "ALIVE")
        .collect();
    let sum = |of: fn(&WorkerStatus) -> u64| living.iter().map(|worker| of(worker)).sum::<u64>();
    let cores = sum(|worker| worker.cores.into());
    format!(
        "{} with {} ({} taken) and {} ({} taken)",
        count(living.len() as u64, "worker"),
        count(cores, "core"),
        sum(|worker| worker.cores_used.into()),
        bytes(sum(|worker| worker.memory)),
        bytes(sum(|worker| worker.memory_used)),
    )
}

fn workers(workers: &[WorkerStatus]) -> Table {
    let row = |worker: &WorkerStatus| Row {
        cells: vec![
            worker.id.clone(),
            worker.host.clone(),
            worker.address.clone(),
            worker.state.clone(),
            format!("{} of {}", worker.cores_used, worker.cores),
            format!("{} of {}", bytes(worker.memory_used), bytes(worker.memory)),
        ],
        note: worker.reason.clone(),
    };
    Table {
        header: &["WORKER", "HOST", "ADDRESS", "STATE", "CORES", "MEMORY"],
        rows: workers.iter().map(row).collect(),
    }
}

fn applications(applications: &[ApplicationStatus]) -> Table {
    let row = |application: &ApplicationStatus| Row {
        cells: vec![
            application.id.clone(),
            application.name.clone(),
            application.tenant.clone(),
            application.state.clone(),
            application.cores.to_string(),
            executors(application),
            bytes(application.executor_memory),
        ],
        note: note(&application.state, application.reason.as_ref()),
    };
    Table {
        header: &[
            "APPLICATION",
            "NAME",
            "TENANT",
            "STATE",
            "CORES",
            "EXECUTORS",
            "MEMORY EACH",
        ],
        rows: applications.iter().map(row).collect(),
    }
}

/// Returns the numbers of the executors that run or begin: `tinderbox logs app-1-0000/3` takes them.
fn executors(application: &ApplicationStatus) -> String {
    let living = application.executors.iter();
    let living = living.filter(|executor| ["LAUNCHING", "RUNNING"].contains(&&*executor.state));
    let numbers: Vec<&str> = living
        .map(|executor| executor.id.rsplit('/').next().unwrap_or(&executor.id))
        .collect();
    if numbers.is_empty() {
        "none".to_owned()
    } else {
        numbers.join(" ")
    }
}

fn drivers(drivers: &[DriverStatus]) -> Table {
    let row = |driver: &DriverStatus| Row {
        cells: vec![
            driver.id.clone(),
            driver.name.clone(),
            driver.tenant.clone(),
            driver.state.clone(),
            driver.cores.to_string(),
            bytes(driver.memory),
            if driver.supervise { "yes" } else { "no" }.to_owned(),
            driver.worker.clone().unwrap_or_else(|| "none".to_owned()),
        ],
        note: note(&driver.state, driver.reason.as_ref()),
    };
    Table {
        header: &[
            "DRIVER",
            "NAME",
            "TENANT",
            "STATE",
            "CORES",
            "MEMORY",
            "SUPERVISED",
            "WORKER",
        ],
        rows: drivers.iter().map(row).collect(),
    }
}

/// Returns why something waits or has ended, unless it ended as things should.
fn note(state: &str, reason: Option<&String>) -> Option<String> {
    reason.filter(|_| state != "FINISHED").cloned()
}

/// Columns as wide as they must be, a line for each row, and one more for what it waits for or why it ended.
struct Table {
    header: &'static [&'static str],
    rows: Vec<Row>,
}

struct Row {
    cells: Vec<String>,
    note: Option<String>,
}

impl Table {
    fn write(&self, text: &mut String) {
        let width = |column: usize| {
            let cells = self
                .rows
                .iter()
                .map(|row| row.cells[column].chars().count());
            cells
                .chain([self.header[column].len()])
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        line(text, &widths, self.header.iter().copied());
        for row in &self.rows {
            line(text, &widths, row.cells.iter().map(String::as_str));
            if let Some(note) = &row.note {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "  {note}");
            }
        }
    }
}

fn line<'a>(text: &mut String, widths: &[usize], cells: impl Iterator<Item = &'a str>) {
    let mut line = String::new();
    for (width, cell) in widths.iter().zip(cells) {
        let _ = write!(line, "{cell:width$}  ");
    }
    let _ = writeln!(text, "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;
    use daemon::status::ExecutorStatus;

    fn cluster() -> ClusterStatus {
        let executor = |number: u32, state: &str| ExecutorStatus {
            id: format!("app-1-0000/{number}"),
            worker: "worker-00000000000000aa".into(),
            state: state.into(),
            cores: 2,
            memory: 1 << 30,
        };
        ClusterStatus {
            state: "ALIVE".into(),
            epoch: 1,
            workers: vec![WorkerStatus {
                id: "worker-00000000000000aa".into(),
                address: "10.0.0.7:40001".into(),
                host: "10.0.0.7".into(),
                rack: None,
                state: "ALIVE".into(),
                cores: 4,
                cores_used: 2,
                memory: 4 << 30,
                memory_used: 1 << 30,
                executors: Vec::new(),
                drivers: Vec::new(),
                reason: None,
            }],
            applications: vec![ApplicationStatus {
                id: "app-1-0000".into(),
                name: "word count".into(),
                tenant: "default".into(),
                driver: "10.0.0.1:40002".into(),
                driver_id: None,
                state: "RUNNING".into(),
                cores: 2,
                executor_memory: 1 << 30,
                executors: vec![executor(0, "LOST"), executor(1, "RUNNING")],
                reason: None,
            }],
            drivers: vec![DriverStatus {
                id: "driver-1-0000".into(),
                name: "pi".into(),
                tenant: "default".into(),
                state: "SUBMITTED".into(),
                worker: None,
                cores: 1,
                memory: 8 << 30,
                supervise: true,
                reason: Some("no worker has 8 GiB of memory left".into()),
            }],
        }
    }

    #[test]
    fn a_cluster_for_people() {
        let masters = "tinderbox://node-1".parse().unwrap();
        let mut cluster = cluster();
        let full = text(&masters, &cluster);
        cluster.workers.clear();
        cluster.applications.clear();
        cluster.drivers.clear();
        insta::assert_snapshot!(full + "---\n" + &text(&masters, &cluster));
    }
}
