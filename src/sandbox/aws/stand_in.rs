//! The stand-in as the rest of the sandbox holds it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, Method, Uri};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::account::Account;
use super::amplify::AppSite;
use super::cloudfront::EdgeSite;
use super::functions::FunctionSite;
use super::json::text;
use super::refusal::Refusal;
use super::seed::Seed;
use super::server::Server;
use super::site::{Site, SiteOf};
use super::stacks::StackSite;
use crate::clock::Clock;
use crate::sandbox::wire::Wire;

/// The largest request, in bytes: objects of a site are far smaller, and no upload in parts is spoken here.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// AWS on loopback. Cheap to clone; clones are the same account.
#[derive(Clone)]
pub struct AwsStandIn {
    account: Arc<Mutex<Account>>,
    clock: Clock,
    endpoint: String,
    sites: Arc<BTreeMap<String, String>>,
}

/// A task that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningTask {
    /// ARN of the task.
    pub task: String,
    /// ARN of its task definition.
    pub task_definition: String,
    /// Image digests by container.
    pub digests: BTreeMap<String, String>,
    /// First tags of the images by container; the digest where an image has no tag.
    pub versions: BTreeMap<String, String>,
    /// Whether it serves: healthy in the target group, or simply running where there is none; and of a task set that takes
    /// traffic.
    pub serves: bool,
}

impl AwsStandIn {
    /// Seeds an account and serves it on `127.0.0.1`, until `stop`. Everything is in place when this returns.
    ///
    /// # Errors
    ///
    /// When a port cannot be bound, or the seed names something that it does not have.
    pub async fn start(
        seed: Seed,
        clock: Clock,
        wire: Wire,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let account = Arc::new(Mutex::new(Account::seeded(&seed, clock.now())?));
        let server = Arc::new(Server::new(Arc::clone(&account), clock, wire)?);
        let answer = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let server = Arc::clone(&server);
            async move { server.answer(method, uri, headers, body).await }
        };
        let endpoint =
            serve(Router::new().fallback(answer).layer(DefaultBodyLimit::max(LARGEST_BODY)), tasks, stop.clone())
                .await?;
        let mut sites = BTreeMap::new();
        let services = seed.services.iter().filter(|service| service.load_balancer.is_some()).map(|service| {
            let of = SiteOf::Service { cluster: service.cluster.clone(), service: service.name.clone() };
            (service.name.clone(), of)
        });
        let pipelines = seed.pipelines.iter().filter(|pipeline| !pipeline.site.is_empty());
        let pipelines = pipelines.map(|pipeline| (pipeline.name.clone(), SiteOf::Pipeline(pipeline.name.clone())));
        let projects = seed.projects.iter().filter(|project| !project.site.is_empty());
        let projects = projects.map(|project| (project.name.clone(), SiteOf::Project(project.name.clone())));
        for (name, of) in services.chain(pipelines).chain(projects) {
            let site = Arc::new(Site { account: Arc::clone(&account), clock, of, asked: Mutex::default() });
            let answer = move |uri: Uri| {
                let site = Arc::clone(&site);
                async move { site.answer(uri.path()) }
            };
            let address = serve(Router::new().fallback(answer), tasks, stop.clone()).await?;
            sites.insert(name, address);
        }
        for stack in seed.stacks.iter().filter(|stack| stack.site.is_some()) {
            let site = Arc::new(StackSite { account: Arc::clone(&account), clock, stack: stack.name.clone() });
            let answer = move |uri: Uri| {
                let site = Arc::clone(&site);
                async move { site.answer(uri.path()) }
            };
            let address = serve(Router::new().fallback(answer), tasks, stop.clone()).await?;
            sites.insert(stack.name.clone(), address);
        }
        let shown = account.lock().unwrap_or_else(PoisonError::into_inner).apps.sites();
        for (name, shown) in shown {
            let site = Arc::new(AppSite { account: Arc::clone(&account), clock, shown });
            let answer = move |uri: Uri| {
                let site = Arc::clone(&site);
                async move { site.answer(uri.path()) }
            };
            let address = serve(Router::new().fallback(answer), tasks, stop.clone()).await?;
            // A stack may have the same name.
            sites.entry(name).or_insert(address);
        }
        let functions = account.lock().unwrap_or_else(PoisonError::into_inner).functions.sites();
        for function in functions {
            let site = Arc::new(FunctionSite {
                account: Arc::clone(&account),
                clock,
                function: function.clone(),
                asked: Mutex::default(),
            });
            let answer = move |uri: Uri| {
                let site = Arc::clone(&site);
                async move { site.answer(uri.path()) }
            };
            let address = serve(Router::new().fallback(answer), tasks, stop.clone()).await?;
            sites.insert(function, address);
        }
        for id in seed.distributions.keys() {
            let site = Arc::new(EdgeSite { account: Arc::clone(&account), clock, distribution: id.clone() });
            let answer = move |uri: Uri| {
                let site = Arc::clone(&site);
                async move { site.answer(&uri) }
            };
            let address = serve(Router::new().fallback(answer), tasks, stop.clone()).await?;
            sites.insert(id.clone(), address);
        }
        Ok(Self { account, clock, endpoint, sites: Arc::new(sites) })
    }

    /// Lets everything begin anew as `seed` has it, now: what is under way in it has not gone on while others got ready.
    ///
    /// # Errors
    /// When the seed names something that it does not have.
    pub fn begin(&self, seed: &Seed) -> io::Result<()> {
        let account = Account::seeded(seed, self.clock.now())?;
        *self.account.lock().unwrap_or_else(PoisonError::into_inner) = account;
        Ok(())
    }

    /// `http://127.0.0.1:PORT`, for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// `http://127.0.0.1:PORT`: what users reach of a service with a load balancer, of a stack with a site, of a pipeline's
    /// own site, or of an Amplify app; by its name, and by `APP/BRANCH` or the host of an app. What viewers of a distribution
    /// get, by its id. `None` where there is none.
    pub fn site(&self, service: &str) -> Option<String> {
        self.sites.get(service).cloned()
    }

    /// Every such address with its name.
    pub fn sites(&self) -> impl Iterator<Item = (&String, &String)> {
        self.sites.iter()
    }

    pub(super) fn account(&self) -> MutexGuard<'_, Account> {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        account.pass(self.clock.now().at);
        account
    }

    /// Somebody outside deploys a task definition, forced if it is the present one. Returns the deployment's id.
    ///
    /// # Errors
    ///
    /// Whatever `UpdateService` would answer.
    pub fn deploy(&self, cluster: &str, service: &str, task_definition: &str) -> Result<String, Refusal> {
        let request = json!({
            "cluster": cluster, "service": service, "taskDefinition": task_definition, "forceNewDeployment": true,
        });
        let mut account = self.account();
        if let Some(request) = account.code_deployment(cluster, service, task_definition) {
            let made = account.create_deployment(&request)?;
            return Ok(text(&made, "deploymentId").unwrap_or_default().to_owned());
        }
        let reply = account.update_service(&request)?;
        Ok(reply
            .pointer("/service/deployments/0")
            .and_then(|primary| text(primary, "id"))
            .unwrap_or_default()
            .to_owned())
    }

    /// Somebody outside has the deployment under way rolled back. Returns the service deployment's ARN.
    ///
    /// # Errors
    ///
    /// Whatever `StopServiceDeployment` would answer.
    pub fn stop_deployment(&self, cluster: &str, service: &str) -> Result<String, Refusal> {
        let mut account = self.account();
        let blue_green = account.service(cluster, service).and_then(|service| service.blue_green.as_ref());
        if let Some(active) = blue_green.and_then(|group| group.under_way()).map(|active| active.id.clone()) {
            let request = json!({"deploymentId": active, "autoRollbackEnabled": true});
            account.stop_code_deployment(&request)?;
            return Ok(active);
        }
        let current = account.service(cluster, service).and_then(|service| service.current());
        let arn = current.map(|current| current.arn.clone()).unwrap_or_default();
        account.stop_service_deployment(&json!({"serviceDeploymentArn": arn}))?;
        Ok(arn)
    }

    /// The service's tasks that run now and are meant to, whatever anybody says about deployments.
    pub fn running(&self, cluster: &str, service: &str) -> Vec<RunningTask> {
        let account = self.account();
        let Some(service) = account.service(cluster, service) else {
            return Vec::new();
        };
        let running = service.tasks.iter().filter(|task| task.wanted && !task.is_pending());
        let told = running.map(|task| {
            let digests: BTreeMap<String, String> = task
                .containers
                .iter()
                .filter_map(|container| Some((container.name.clone(), container.digest.clone()?)))
                .collect();
            let versions =
                digests.iter().map(|(name, digest)| (name.clone(), account.images.version(digest))).collect();
            RunningTask {
                task: task.arn.clone(),
                task_definition: task.task_definition.clone(),
                digests,
                versions,
                serves: task.serves(service.balancing.as_ref()) && service.takes_traffic(&task.deployment),
            }
        });
        told.collect()
    }
}

/// Serves a router on a free port of loopback until `stop`; returns its address.
async fn serve(router: Router, tasks: &TaskTracker, stop: CancellationToken) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tasks.spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::warn!(%error, %address, "the stand-in for AWS stopped serving");
        }
    });
    Ok(format!("http://{address}"))
}
