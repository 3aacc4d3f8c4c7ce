//! All distributions of an account.

use std::collections::BTreeMap;
use std::io;

use jiff::{SignedDuration, Timestamp};

use super::super::buckets::Buckets;
use super::super::ids::Ids;
use super::super::refusal::Refusal;
use super::config;
use super::distribution::{Distribution, named};
use super::edge::{Edge, Scene, Viewed};
use super::invalidation::Invalidation;
use super::seed::SeedDistribution;
use crate::incident::time::Now;

/// The distributions of an account.
#[derive(Debug, Default)]
pub(in super::super) struct Distributions {
    pub(super) account: String,
    pub(super) all: BTreeMap<String, Distribution>,
}

impl Distributions {
    /// The distributions that the seed describes, at `now`. An origin whose bucket is not there is refused.
    pub(in super::super) fn seeded(
        seed: &BTreeMap<String, SeedDistribution>,
        (account, region): (&str, &str),
        now: Now,
        ids: &mut Ids,
        buckets: &Buckets,
    ) -> io::Result<Self> {
        let mut all = BTreeMap::new();
        for (id, seed) in seed {
            if let Some(origin) = seed.origins.iter().find(|origin| !buckets.all.contains_key(&origin.bucket)) {
                let what = format!("distribution {id}: there is no bucket {}", origin.bucket);
                return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
            }
            let config = config::seeded(id, seed, region);
            let ago = |age| {
                let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
                now.at.checked_sub(age).unwrap_or(Timestamp::MIN)
            };
            let invalidations = seed.invalidations.iter().map(|made| Invalidation {
                id: named('I', ids),
                caller_reference: format!("made-{}", made.age.as_secs()),
                paths: made.paths.clone(),
                created: ago(made.age),
                due: seed.invalidates_for.checked_sub(made.age).map(|left| now.after(left)),
            });
            let invalidations = invalidations.collect();
            let mut edge = Edge::default();
            let scene = Scene { config: &config, missing: seed.missing, buckets, now };
            for path in &seed.warm {
                edge.view(&scene, path, None);
            }
            let distribution = Distribution {
                id: id.clone(),
                seed: seed.clone(),
                etag: named('E', ids),
                deployed: config.clone(),
                config,
                changed: ago(seed.age),
                due: None,
                invalidations,
                edge,
            };
            all.insert(id.clone(), distribution);
        }
        Ok(Self { account: account.to_owned(), all })
    }

    /// When something happens next by itself.
    pub(in super::super) fn due(&self) -> Option<Timestamp> {
        self.all.values().filter_map(Distribution::due).min()
    }

    /// Does what is due.
    pub(in super::super) fn step(&mut self, now: Now) {
        self.all.values_mut().for_each(|distribution| distribution.step(now));
    }

    /// What a viewer of a distribution gets.
    pub(super) fn view(
        &mut self,
        id: &str,
        (path, query): (&str, Option<&str>),
        now: Now,
        buckets: &Buckets,
    ) -> Option<Viewed> {
        let distribution = self.all.get_mut(id)?;
        let scene = Scene { config: &distribution.deployed, missing: distribution.seed.missing, buckets, now };
        Some(distribution.edge.view(&scene, path, query))
    }

    /// A distribution by its id.
    pub(super) fn find(&mut self, id: &str) -> Result<&mut Distribution, Refusal> {
        let missing = || Refusal::new("NoSuchDistribution", "The specified distribution does not exist.");
        self.all.get_mut(id).ok_or_else(missing).map_err(|refusal| refusal.with_status(404))
    }
}
