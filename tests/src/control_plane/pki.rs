//! Certificates and keys of one control plane: its own authority, one server, one certificate for each client.
//!
//! All keys are ECDSA P-256: made in a millisecond, where RSA takes seconds of a busy machine.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// Names and addresses under which the API server is called: by tests, and by itself (first address of its services).
const SERVER_NAMES: [&str; 4] = ["localhost", "127.0.0.1", "kubernetes.default.svc", "10.96.0.1"];

/// The files of one control plane's certificates, in one folder.
pub struct Pki {
    folder: PathBuf,
    authority: Issuer<'static, KeyPair>,
}

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The library refused to make it.
    #[error("make the certificate")]
    Make(#[from] rcgen::Error),
    /// It could not be kept.
    #[error("write a certificate or key")]
    Write(#[from] io::Error),
}

impl Pki {
    /// Makes `ca.{crt,key}`, `server.{crt,key}`, and `service-accounts.{key,pub}` (signs the tokens of service accounts). The
    /// server is also called by `names`.
    ///
    /// # Errors
    /// When a certificate cannot be made or written.
    pub fn create(folder: &Path, names: &[&str]) -> Result<Self, PkiError> {
        fs::create_dir_all(folder)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "beidou-tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let folder = folder.to_owned();
        fs::write(folder.join("ca.crt"), params.self_signed(&key)?.pem())?;
        fs::write(folder.join("ca.key"), key.serialize_pem())?;
        let pki = Self { folder, authority: Issuer::new(params, key) };

        let names: Vec<String> = SERVER_NAMES.iter().chain(names).map(|name| String::from(*name)).collect();
        let mut server = CertificateParams::new(names)?;
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        pki.issue("server", server)?;

        let service_accounts = KeyPair::generate()?;
        fs::write(pki.path("service-accounts.key"), service_accounts.serialize_pem())?;
        fs::write(pki.path("service-accounts.pub"), service_accounts.public_key_pem())?;
        Ok(pki)
    }

    /// Makes `{name}.{crt,key}` for a client that Kubernetes will know as `user`, member of `group`.
    ///
    /// # Errors
    /// When the certificate cannot be made or written.
    pub fn client(&self, name: &str, user: &str, group: Option<&str>) -> Result<(), PkiError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        if let Some(group) = group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(name, params)
    }

    /// Where a file of this folder lies.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    fn issue(&self, name: &str, mut params: CertificateParams) -> Result<(), PkiError> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        fs::write(self.path(&format!("{name}.crt")), params.signed_by(&key, &self.authority)?.pem())?;
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem())?;
        Ok(())
    }
}
