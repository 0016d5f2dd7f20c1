//! Many claimers at once: nothing is handed out twice, nothing is lost.

use std::collections::HashMap;

use mobius_store::jobs::ClaimFilter;
use mobius_test_support::factories::{Held, RunDraft, Tenant, World};
use mobius_types::JobId;

use crate::{history, race, rows};

const JOBS: i64 = 10_000;
const CLAIMERS: usize = 64;

/// Claims until nothing is left, in rounds of different sizes.
async fn claim_all(tenant: Tenant, claimer: usize) -> Vec<Held> {
    let worker = format!("worker-{claimer}");
    let most = 1 + claimer % 25;
    let any = ClaimFilter {
        queues: Vec::new(),
        actions: Vec::new(),
    };
    let mut mine = Vec::new();
    loop {
        let claimed = tenant.claim_filtered(&worker, most, &any).await;
        if claimed.jobs.is_empty() && !claimed.look_again {
            return mine;
        }
        mine.extend(tenant.held(&worker, claimed));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_claimers_share_ten_thousand_jobs_without_one_twice_or_lost() {
    let world = World::create().await;
    rows::start_copies(world.tenant(), RunDraft::default(), JOBS / 2).await;
    rows::start_copies(world.tenant(), RunDraft::in_queue("second"), JOBS / 2).await;
    // A claim locks the runs that it starts. The later jobs of a run have only their own locks.
    let running = rows::change(
        world.tenant(),
        "update runs set status = 'running', started_at = mobius_now()
         where project_id = $1 and queue = 'second'",
    )
    .await;
    assert_eq!(i64::try_from(running).unwrap(), JOBS / 2);
    let replicas: Vec<_> = (0..4).map(|_| world.replica()).collect();

    let claimers: Vec<_> = (0..CLAIMERS)
        .map(|claimer| {
            let tenant = replicas[claimer % replicas.len()].clone();
            tokio::spawn(claim_all(tenant, claimer))
        })
        .collect();
    let mut holders: HashMap<JobId, Held> = HashMap::new();
    for claimer in claimers {
        for held in claimer.await.unwrap() {
            assert_eq!(held.job.attempt, 1);
            let other = holders.insert(held.job.id, held);
            assert!(other.is_none(), "{other:?} was handed out twice");
        }
    }
    assert_eq!(holders.len(), usize::try_from(JOBS).unwrap());

    let right: i64 = rows::value(
        world.tenant(),
        "select count(*) from jobs j join runs r using (project_id)
         where project_id = $1 and j.run_id = r.id and j.status = 'claimed' and j.attempt = 1
           and r.status = 'running' and r.started_at is not null",
    )
    .await;
    assert_eq!(right, JOBS);
    history::assert_dense(world.tenant()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_claimers_never_get_the_same_job() {
    let world = World::create().await;
    let other = world.replica();
    for round in 0..race::ROUNDS {
        world.tenant().start(RunDraft::default()).await;
        let one = world.tenant().clone();
        let other = other.clone();
        let (one, other) = race::both(
            round % 2 == 0,
            async move { claim_all(one, 0).await },
            async move { claim_all(other, 1).await },
        )
        .await;
        assert_eq!(one.len() + other.len(), 1, "round {round}");
    }
}
