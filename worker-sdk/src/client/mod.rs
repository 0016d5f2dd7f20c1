//! The HTTP client of the control plane: typed calls, a deadline on each, no hidden retries.
//!
//! One file a resource. What to do after an error is the caller's decision.

mod call;
mod error;
mod jobs;
mod operations;
mod projects;
mod runs;
mod tools;
mod workflows;

use std::{env, fmt, net::IpAddr, sync::Arc, time::Duration};

use reqwest::{Url, header::HeaderValue, redirect};

use call::Call;
pub use error::{ClientError, ConfigError};

/// How long a call may take, connecting and reading included. A long poll gets its window on top.
const DEADLINE: Duration = Duration::from_secs(10);

/// A client of one control plane with one credential. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    http: reqwest::Client,
    api_url: Url,
    authorization: HeaderValue,
    project: Option<String>,
    deadline: Duration,
}

impl Client {
    /// A client for the control plane at this address, with this API key.
    ///
    /// TLS uses the process's default provider; if there is none yet, it becomes `ring`.
    ///
    /// # Errors
    /// If the address is not an http or https URL, or the key can't be sent in a header.
    pub fn new(api_url: &str, api_key: &str) -> Result<Self, ConfigError> {
        let url = parse_url(api_url)?;
        let mut authorization =
            HeaderValue::from_str(&format!("Bearer {api_key}")).map_err(|_| ConfigError::Key)?;
        authorization.set_sensitive(true);
        let inner = Inner {
            http: http_client(&url)?,
            api_url: url,
            authorization,
            project: None,
            deadline: DEADLINE,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// A client as `MOBIUS_API_URL`, `MOBIUS_API_KEY` and, if set, `MOBIUS_PROJECT` say.
    ///
    /// # Errors
    /// If one of the first two is not set, or is malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        let client = Self::new(&setting("MOBIUS_API_URL")?, &setting("MOBIUS_API_KEY")?)?;
        match setting("MOBIUS_PROJECT") {
            Ok(project) => Ok(client.project(project)),
            Err(_) => Ok(client),
        }
    }

    /// Works in this project, given by handle or id. Without one only the calls about jobs work,
    /// and only with a key that is pinned to a project.
    #[must_use]
    pub fn project(self, project: impl Into<String>) -> Self {
        self.changed(|inner| inner.project = Some(project.into()))
    }

    /// Gives every call this long instead of 10 seconds; a long poll gets its window on top.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        self.changed(|inner| inner.deadline = deadline)
    }

    fn changed(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.inner));
        self
    }

    fn call(&self, method: reqwest::Method, path: &[&str]) -> Call {
        Call::new(self, method, path)
    }

    /// A call under `/projects/{project}`.
    fn project_call(&self, method: reqwest::Method, path: &[&str]) -> Result<Call, ClientError> {
        let project = self.inner.project.as_deref();
        let project = project.ok_or(ClientError::NoProject)?;
        Ok(self.call(method, &[&["projects", project], path].concat()))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        f.debug_struct("Client")
            .field("api_url", &self.inner.api_url.as_str())
            .field("project", &self.inner.project)
            .finish_non_exhaustive()
    }
}

fn setting(name: &'static str) -> Result<String, ConfigError> {
    env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .ok_or(ConfigError::Missing(name))
}

fn parse_url(text: &str) -> Result<Url, ConfigError> {
    let invalid = || ConfigError::Url(text.to_owned());
    let url = Url::parse(text).map_err(|_| invalid())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(invalid());
    }
    Ok(url)
}

fn http_client(api_url: &Url) -> Result<reqwest::Client, ConfigError> {
    // An error only says that the process already has a provider, which is then used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("mobius-worker-sdk/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(15));
    if is_loopback(api_url) {
        // A proxy set for the whole machine can't reach what listens on this machine alone.
        builder = builder.no_proxy();
    }
    builder.build().map_err(|e| ConfigError::Http(e.into()))
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_urls_are_taken() {
        for text in [
            "",
            "127.0.0.1:8080",
            "ftp://host",
            "unix:/socket",
            "http://",
        ] {
            assert!(
                matches!(parse_url(text), Err(ConfigError::Url(_))),
                "{text}"
            );
        }
        assert!(parse_url("https://mobius.example/base").is_ok());
    }

    #[test]
    fn loopback_is_known_in_all_its_forms() {
        for (text, loopback) in [
            ("http://localhost:1", true),
            ("http://127.0.0.53", true),
            ("http://[::1]:80", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(is_loopback(&parse_url(text).unwrap()), loopback, "{text}");
        }
    }

    #[test]
    fn ids_are_escaped_in_paths_and_a_base_path_is_kept() {
        let client = Client::new("http://host/base/", "k")
            .unwrap()
            .project("a/b");
        let call = client.project_call(reqwest::Method::GET, &["runs", "../x"]);
        assert_eq!(
            call.unwrap().url().as_str(),
            "http://host/base/projects/a%2Fb/runs/..%2Fx"
        );
    }

    #[test]
    fn a_client_never_prints_its_key() {
        let client = Client::new("http://host", "mbx_secret").unwrap();
        assert!(!format!("{client:?}").contains("secret"));
    }
}
