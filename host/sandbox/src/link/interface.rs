//! The interfaces that a program may import, and what becomes of each function.
//!
//! What is not listed here is refused by name; nothing is passed through because it looks harmless.

use super::Refusal;

/// What a program exports.
const APPLICATION: &str = "tinderbox:job/application";

/// Versions of the contract that this link step takes.
const SPOKEN: &str = "0.1.x";

/// The interfaces of the contract that a program imports, with their functions.
const JOB_INTERFACES: &[(&str, &[&str])] = &[
    ("types", &[]),
    (
        "driver",
        &[
            "checkpoint",
            "conf",
            "set-conf",
            "define",
            "replicate",
            "release",
            "text-file",
            "binary-file",
            "list-files",
            "parquet-file",
            "submit-job",
            "await-job",
            "take-accumulators",
            "cancel-job",
            "create-output",
            "commit-output",
            "abort-output",
        ],
    ),
    (
        "task",
        &[
            "open-lines",
            "read-lines",
            "open-columns",
            "read-columns",
            "open-bytes",
            "open-file",
            "open-shuffle",
            "open-block",
            "read-bytes",
            "close-reader",
            "write-shuffle",
            "write-block",
            "commit-block",
            "keep-block",
            "add-accumulator",
            "write-output",
            "write-compressed",
            "write-columns",
            "write-spill",
            "open-spill",
            "drop-spill",
            "write-frames",
            "open-sorted",
        ],
    ),
    ("logging", &["log", "panicked"]),
];

/// The interfaces of WASI 0.2 that a program may import. Handles are answered by the front module, the rest by the host.
const WASI_INTERFACES: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// The functions of WASI that take and return no handle, by interface without version: the host answers them.
pub const HANDLE_FREE: &[(&str, &str)] = &[
    ("wasi:cli/environment", "get-arguments"),
    ("wasi:cli/environment", "get-environment"),
    ("wasi:cli/environment", "initial-cwd"),
    ("wasi:cli/exit", "exit"),
    ("wasi:cli/exit", "exit-with-code"),
    ("wasi:clocks/monotonic-clock", "now"),
    ("wasi:clocks/monotonic-clock", "resolution"),
    ("wasi:clocks/wall-clock", "now"),
    ("wasi:clocks/wall-clock", "resolution"),
    ("wasi:random/insecure", "get-insecure-random-bytes"),
    ("wasi:random/insecure", "get-insecure-random-u64"),
    ("wasi:random/insecure-seed", "insecure-seed"),
    ("wasi:random/random", "get-random-bytes"),
    ("wasi:random/random", "get-random-u64"),
];

/// An interface's name, split at its version: `wasi:io/streams` and `0.2.6`.
pub(super) fn split(name: &str) -> (&str, Option<&str>) {
    name.split_once('@')
        .map_or((name, None), |(interface, version)| {
            (interface, Some(version))
        })
}

/// Whether the front module answers this function, instead of the host.
pub(super) fn is_replaced(interface: &str, function: &str) -> bool {
    interface.starts_with("wasi:") && !HANDLE_FREE.contains(&(interface, function))
}

/// Checks that an imported interface is one that a program may import, in a version that is compatible.
pub(super) fn check_import(name: &str, functions: &[String]) -> Result<(), Refusal> {
    let (interface, version) = split(name);
    let unknown = || Refusal::UnknownImport {
        name: name.to_string(),
    };
    let Some(job) = interface.strip_prefix("tinderbox:job/") else {
        let wasi = WASI_INTERFACES.contains(&interface)
            && version.is_some_and(|version| in_line(version, "0.2."));
        return if wasi { Ok(()) } else { Err(unknown()) };
    };
    let (_, known) = JOB_INTERFACES
        .iter()
        .find(|(name, _)| *name == job)
        .ok_or_else(unknown)?;
    check_version(interface, version)?;
    match functions
        .iter()
        .find(|function| !known.contains(&function.as_str()))
    {
        Some(function) => Err(Refusal::UnknownFunction {
            interface: name.to_string(),
            function: function.clone(),
        }),
        None => Ok(()),
    }
}

/// Checks that a program is among the exported interfaces.
pub(super) fn check_exports<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<(), Refusal> {
    let found = names
        .into_iter()
        .map(split)
        .find(|(interface, _)| *interface == APPLICATION);
    let (interface, version) = found.ok_or(Refusal::OtherWorld)?;
    check_version(interface, version)
}

fn check_version(interface: &str, version: Option<&str>) -> Result<(), Refusal> {
    if version.is_some_and(|version| in_line(version, "0.1.")) {
        return Ok(());
    }
    let found = version.unwrap_or("without a version").to_string();
    Err(Refusal::ContractVersion {
        interface: interface.to_string(),
        found,
        spoken: SPOKEN,
    })
}

/// Whether a version is a release of a line such as `0.1.`.
fn in_line(version: &str, line: &str) -> bool {
    version
        .strip_prefix(line)
        .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = include_str!("../../../../wit/job-0.1.0/job.wit");

    /// The functions of an interface of the contract, as its text has them.
    fn functions_of(interface: &str) -> Vec<&'static str> {
        let head = format!("\ninterface {interface} {{");
        let start = CONTRACT
            .find(&head)
            .expect("the interface is in the contract")
            + head.len();
        let body = &CONTRACT[start..];
        let body = &body[..body.find("\n}").expect("the interface ends")];
        body.lines()
            .filter_map(|line| line.trim().split_once(": func(").map(|(name, _)| name))
            .collect()
    }

    #[test]
    fn the_known_functions_are_those_of_the_contract() {
        for (interface, known) in JOB_INTERFACES {
            assert_eq!(functions_of(interface), *known, "{interface}");
        }
    }

    #[test]
    fn patches_of_the_contract_are_compatible_and_other_versions_are_named() {
        assert_eq!(check_exports(["tinderbox:job/application@0.1.7"]), Ok(()));
        let refusal = check_exports(["tinderbox:job/application@0.2.0"]).unwrap_err();
        let message = refusal.to_string();
        assert!(
            message.contains("0.2.0") && message.contains("0.1.x"),
            "{message}"
        );
        assert_eq!(
            check_exports(["wasi:cli/run@0.2.6"]),
            Err(Refusal::OtherWorld)
        );
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        for name in [
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:io/streams@0.3.0",
            "wasi:io/streams",
            "tinderbox:job/secret@0.1.0",
            "log",
        ] {
            assert_eq!(
                check_import(name, &[]),
                Err(Refusal::UnknownImport {
                    name: name.to_string()
                })
            );
        }
        assert_eq!(check_import("wasi:io/streams@0.2.12", &[]), Ok(()));
    }

    #[test]
    fn a_function_of_a_later_contract_is_refused_by_name() {
        let refusal = check_import(
            "tinderbox:job/task@0.1.9",
            &["open-lines".to_string(), "open-portal".to_string()],
        );
        let expected = Refusal::UnknownFunction {
            interface: "tinderbox:job/task@0.1.9".to_string(),
            function: "open-portal".to_string(),
        };
        assert_eq!(refusal, Err(expected));
    }
}
