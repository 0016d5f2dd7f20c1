//! Ends jobs whose child has ended, and children that nobody waits for: what a replica left undone
//! that died between the two.

use futures_util::future::{BoxFuture, join_all};
use mobius_store::{
    Error, Store,
    children::{self, Loose},
};

use crate::{Report, lanes::Lanes};

/// How many are looked at together.
const PAGE: i64 = 500;

/// Finds the next page, from behind the one that is named.
type Find = fn(Store, Option<Loose>) -> BoxFuture<'static, Result<Vec<Loose>, Error>>;

/// Deals with one.
type Deal = fn(Store, Loose) -> BoxFuture<'static, Result<(), Error>>;

/// Something to find, and what is done with it.
struct End {
    find: Find,
    deal: Deal,
}

const ENDS: [End; 2] = [
    End {
        find: |store, last| {
            Box::pin(async move {
                let mut connection = store.db().acquire().await?;
                children::ended(&mut connection, last, PAGE).await
            })
        },
        deal: |store, loose| Box::pin(async move { store.end_parent_job(loose).await }),
    },
    End {
        find: |store, last| {
            Box::pin(async move {
                let mut connection = store.db().acquire().await?;
                children::orphans(&mut connection, last, PAGE).await
            })
        },
        deal: |store, loose| Box::pin(async move { store.cancel_orphan(loose).await }),
    },
];

/// Looks at all there are, a page at a time: one that can't be dealt with is passed, and tried
/// again with the next tick.
pub(crate) async fn tick(store: &Store, lanes: &mut Lanes) -> Result<Report, Error> {
    let mut report = Report::default();
    for end in &ENDS {
        let mut last = None;
        loop {
            let page = (end.find)(store.clone(), last).await?;
            last = page.last().copied();
            if last.is_none() {
                break;
            }
            let deal = |page| deal_with(store.clone(), page, end.deal);
            report.done += lanes.deal(page, |loose| loose.project, deal).await?;
        }
    }
    Ok(report)
}

/// Deals with the part of a page that is one project's. Returns how many of it are done.
async fn deal_with(store: Store, page: Vec<Loose>, deal: Deal) -> Result<u64, Error> {
    let outcomes = join_all(page.iter().map(|loose| deal(store.clone(), *loose))).await;
    let mut done = 0;
    for (loose, outcome) in page.iter().zip(outcomes) {
        match outcome {
            Ok(()) => done += 1,
            Err(Error::RunEnded | Error::NotFound(_)) => {}
            Err(error) if error.is_transient() && !error.may_be_one_item() => return Err(error),
            Err(error) => {
                tracing::error!(job = %loose.job, child = %loose.child, %error,
                                "a child can't be dealt with; trying again later");
            }
        }
    }
    Ok(done)
}
