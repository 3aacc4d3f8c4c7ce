//! The stand-ins that are held against each other: Rollbot's own, moto's and MiniStack's.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_types::SdkConfig;
use aws_types::region::Region;
use rollbot::clock::Clock;
use rollbot::incident::time::Pace;
use rollbot::sandbox::aws::AwsStandIn;
use rollbot::sandbox::wire::Wire;
use serde_json::json;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::lambda::FUNCTION;

pub(crate) const REGION: &str = "us-east-1";
/// The bucket that every one has.
pub(crate) const BUCKET: &str = "oracle-site";
/// The distribution of Rollbot's own stand-in.
pub(crate) const OURS: &str = "E2SHOPSITE0001";
/// How long anything of another's may take, in real time.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A Python that has both, or `None` after a word about it on stderr. One that is named has to have them.
pub(crate) async fn python() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where Python is, is no configuration of Rollbot")]
    let named = std::env::var_os("ROLLBOT_TEST_MINISTACK").filter(|named| !named.is_empty());
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ministack/bin/python");
    let python = named.as_ref().map_or_else(usual, PathBuf::from);
    let imported = Command::new(&python).args(["-c", "import ministack, moto.server, flask"]).output().await;
    if imported.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    assert!(named.is_none(), "{} does not have ministack and moto", python.display());
    let _ = writeln!(
        std::io::stderr(),
        "\nSKIPPED: moto and MiniStack do not stand beside the stand-in; {} does not have them.\n\
         To run this: python3 -m venv target/ministack && \
         target/ministack/bin/pip install -r tests/ministack/requirements.txt && cargo test --test oracles\n",
        python.display()
    );
    None
}

async fn config(endpoint: &str) -> SdkConfig {
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
    aws_config::defaults(aws_config::BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(endpoint)
        .load()
        .await
}

/// Another's stand-in as a process, ended with this value.
pub(crate) struct Other {
    _process: Child,
    pub(crate) config: SdkConfig,
}

impl Other {
    async fn start(python: &Path, arguments: impl Fn(u16) -> Vec<String>) -> Self {
        let port = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
            free.local_addr().expect("it has an address").port()
        };
        let mut command = Command::new(python);
        command.args(arguments(port)).env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1");
        command.env("PYTHONDONTWRITEBYTECODE", "1").kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("Python starts");
        let config = config(&format!("http://127.0.0.1:{port}")).await;
        let (s3, clock) = (aws_sdk_s3::Client::new(&config), Clock::start(Pace::REAL));
        let since = clock.reading();
        while s3.create_bucket().bucket(BUCKET).send().await.is_err() {
            assert!(since.elapsed() < PATIENCE, "{:?} does not answer", command.as_std());
            clock.sleep_really(Duration::from_millis(200)).await;
        }
        Self { _process: process, config }
    }

    pub(crate) async fn moto(python: &Path) -> Self {
        let words =
            |port: u16| format!("-m moto.server -H 127.0.0.1 -p {port}").split(' ').map(str::to_owned).collect();
        Self::start(python, words).await
    }

    pub(crate) async fn ministack(python: &Path) -> Self {
        Self::start(python, |_| vec!["-m".to_owned(), "ministack".to_owned()]).await
    }
}

/// Rollbot's own stand-in, with an empty bucket, a distribution and a function.
pub(crate) async fn ours(stop: &CancellationToken) -> SdkConfig {
    let seed = json!({
        "account": "123456789012", "region": REGION, "buckets": {BUCKET: {}},
        "functions": {FUNCTION: {
            "settings": {"Timeout": 30}, "codes": {"v41": {}, "v42": {}},
            "versions": [{"age": "48h", "code": "v41"}, {"age": "1h", "code": "v42"}],
            "aliases": {"live": {"version": "2", "weights": {"1": 0.25}}},
        }},
        "distributions": {OURS: {"origins": [{"id": "site", "bucket": BUCKET, "path": "/releases/v42"}]}},
    });
    let seed = serde_json::from_value(seed).expect("the seed is one");
    let clock = Clock::start(Pace::new(60));
    let aws = AwsStandIn::start(seed, clock, Wire::default(), &TaskTracker::new(), stop.clone()).await;
    config(&aws.expect("the stand-in starts").endpoint()).await
}
