//! A certificate authority of a test's own, and a certificate of 127.0.0.1 that it signed.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const SETTINGS: &str = "[req]\ndistinguished_name = name\nprompt = no\n[name]\nCN = hiscore-test\n\
    [authority]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\n\
    [server]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = IP:127.0.0.1, DNS:localhost\n";

/// Files in PEM, in a folder that goes when this is dropped.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Makes them, good for two days.
    ///
    /// # Panics
    /// When there is no openssl here (see [`super::missing`]), or it refuses.
    pub fn make() -> Self {
        let folder = tempfile::Builder::new().prefix("hiscore-certificates-").tempdir().expect("a folder");
        std::fs::write(folder.path().join("settings"), SETTINGS).expect("the settings can be written");
        let made = Self { folder };
        made.sign("authority", &[]);
        made.sign("server", &["-CA", "authority.crt", "-CAkey", "authority.key"]);
        made
    }

    fn sign(&self, who: &str, by: &[&str]) {
        let binary = super::openssl().expect("no openssl; run scripts/servers.sh");
        let (certificate, key) = (format!("{who}.crt"), format!("{who}.key"));
        let done = Command::new(&binary)
            .args(["req", "-x509", "-config", "settings", "-extensions", who, "-days", "2", "-nodes"])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-keyout", &key, "-out", &certificate])
            .args(by)
            .current_dir(self.folder.path())
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        assert!(done.status.success(), "{who}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Whom a client has to trust.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.crt")
    }

    /// What a server shows, and the key to it.
    pub(super) fn server(&self) -> [PathBuf; 2] {
        let file = |name: &str| Path::join(self.folder.path(), name);
        [file("server.crt"), file("server.key")]
    }
}
