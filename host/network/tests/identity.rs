//! Certificates, keys and tokens as files and text.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use network::{Authority, Credentials, Error, Request, Token, Validity};
use wire::{Role, Subject};

fn hour() -> Validity {
    Validity::from_now(Duration::from_secs(3600))
}

#[test]
fn the_authority_is_made_once_and_is_the_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("cluster");
    let made = Authority::open(&folder).unwrap();
    let opened = Authority::open(&folder).unwrap();
    assert_eq!(made.cluster(), opened.cluster());
    let files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    let [file] = &files[..] else {
        unreachable!("one file: {files:?}");
    };
    assert_eq!(
        fs::metadata(file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    // A further master starts with a copy; what one signs the other knows.
    let copy = Authority::from_pem(&fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(copy.cluster(), made.cluster());
    fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
    let readable = Authority::open(&folder);
    assert!(
        matches!(readable, Err(Error::KeyReadable { .. })),
        "{readable:?}"
    );
    fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
    fs::write(file, "not a certificate").unwrap();
    let garbage = Authority::open(&folder);
    assert!(
        matches!(garbage, Err(Error::Certificate { .. })),
        "{garbage:?}"
    );
}

#[test]
fn of_many_that_start_at_once_all_have_the_same_authority() {
    let folder = tempfile::tempdir().unwrap();
    let clusters: Vec<String> = std::thread::scope(|scope| {
        let open = || Authority::open(folder.path()).unwrap().cluster().to_owned();
        let opening: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        opening.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(
        clusters.iter().all(|cluster| *cluster == clusters[0]),
        "{clusters:?}"
    );
}

#[test]
fn credentials_are_kept_in_a_file() {
    let (authority, _) = Authority::make().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("worker.pem");
    assert!(Credentials::load(&file).unwrap().is_none());
    let made = authority.credentials(Subject::Worker, hour()).unwrap();
    made.save(&file).unwrap();
    let loaded = Credentials::load(&file).unwrap().unwrap();
    assert_eq!(loaded.identity(), made.identity());
    assert_eq!(loaded.to_pem(), made.to_pem());
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_request_proves_its_key() {
    let (authority, _) = Authority::make().unwrap();
    let (one, other) = (Request::new().unwrap(), Request::new().unwrap());
    let chain = authority.sign(one.der(), Subject::Worker, hour()).unwrap();
    assert!(other.into_credentials(&chain).is_err(), "another one's key");
    assert!(one.into_credentials(&chain).is_ok());
    let mut forged = Request::new().unwrap().der().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let signed = authority.sign(&forged, Subject::Worker, hour());
    assert!(
        matches!(signed, Err(Error::Certificate { .. })),
        "{signed:?}"
    );
    assert!(authority.sign(b"garbage", Subject::Worker, hour()).is_err());
    let tenant = "a tenant/../master".into();
    let request = Request::new().unwrap();
    assert!(
        authority
            .sign(request.der(), Subject::Submitter { tenant }, hour())
            .is_err()
    );
}

#[test]
fn a_token_that_was_not_copied_whole_says_so() {
    let (authority, _) = Authority::make().unwrap();
    let token = authority.token(Role::Worker, hour()).unwrap();
    let line = token.to_string();
    let read: Token = format!("  {line}\n").parse().unwrap();
    assert_eq!(
        (read.role(), read.to_string()),
        (Role::Worker, line.clone())
    );
    assert!(
        !line.contains(char::is_whitespace) && line.len() < 800,
        "{}",
        line.len()
    );
    assert_eq!(
        format!("{token:?}"),
        "Token(for a worker)",
        "it is a secret"
    );
    for length in 0..line.len() {
        assert!(line[..length].parse::<Token>().is_err());
    }
    let for_another = line.replace("worker", "submitter").parse::<Token>();
    assert!(matches!(for_another, Err(Error::TokenMalformed { .. })));
    let words = "a-word".parse::<Token>().unwrap_err().to_string();
    assert!(words.contains("copy the whole line"), "{words}");
    assert!(authority.token(Role::Master, hour()).is_err());
}

#[test]
fn certificates_lead_to_no_higher_ones() {
    let tenant = |name: &str| Subject::Submitter {
        tenant: name.into(),
    };
    let driver = |name: &str| Subject::Driver {
        tenant: name.into(),
        application: None,
    };
    let joiner = Subject::Joiner;
    for (asker, wanted, may) in [
        (joiner(Role::Worker), Subject::Worker, true),
        (joiner(Role::Worker), Subject::Master, false),
        (joiner(Role::Worker), tenant("a"), false),
        (joiner(Role::Submitter), tenant("a"), true),
        (joiner(Role::Submitter), Subject::Worker, false),
        (tenant("a"), driver("a"), true),
        (tenant("a"), driver("b"), false),
        (Subject::Worker, driver("b"), true),
        (Subject::Worker, Subject::Master, false),
        (driver("a"), Subject::Worker, false),
    ] {
        assert_eq!(
            Authority::may_issue(&asker, &wanted),
            may,
            "{asker:?} {wanted:?}"
        );
    }
}
