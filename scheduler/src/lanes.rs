//! Lets a loop deal with the rows of each project by themselves.
//!
//! Where a row of one project is held by another transaction, that project's lane waits for it,
//! and neither the other projects nor the loop's next look do. Nothing is retried here.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use mobius_store::Error;
use mobius_types::ProjectId;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

/// How long a tick waits for the lanes that it has begun; most need less. What takes longer than
/// this delays the other projects once, and timers are to fire within a second.
const PATIENCE: Duration = Duration::from_millis(400);

/// What a lane has come to: how many rows were dealt with.
type Outcome = Result<u64, Error>;

/// The lanes of one loop. Dropping it ends them; what they write goes on in tasks of its own.
pub(crate) struct Lanes {
    patience: Duration,
    working: JoinSet<Outcome>,
    /// Whose rows are worked on, by the task that does.
    lanes: BTreeMap<Id, (ProjectId, AbortHandle)>,
}

impl Lanes {
    /// Lanes that are left to themselves when they take long.
    pub(crate) fn new() -> Self {
        Self::with_patience(PATIENCE)
    }

    /// Lanes that are waited for, however long they take.
    pub(crate) fn patient() -> Self {
        Self::with_patience(Duration::MAX)
    }

    fn with_patience(patience: Duration) -> Self {
        Self {
            patience,
            working: JoinSet::new(),
            lanes: BTreeMap::new(),
        }
    }

    /// The projects whose lane is still at work: whoever looks for rows leaves theirs out, so
    /// that however many they are, they hide no other's.
    pub(crate) fn busy(&self) -> Vec<ProjectId> {
        let lanes = self.lanes.values();
        let busy = lanes.filter(|(_, lane)| !lane.is_finished());
        busy.map(|(project, _)| *project).collect()
    }

    /// Deals with the rows of each project in a lane of its own; those of busy projects are
    /// passed. Says how many rows were dealt with by all lanes that have ended until patience is
    /// over.
    pub(crate) async fn deal<T, F>(
        &mut self,
        rows: Vec<T>,
        project_of: fn(&T) -> ProjectId,
        deal: impl Fn(Vec<T>) -> F,
    ) -> Result<u64, Error>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let busy: BTreeSet<_> = self.busy().into_iter().collect();
        let mut lanes: BTreeMap<ProjectId, Vec<T>> = BTreeMap::new();
        for row in rows {
            lanes.entry(project_of(&row)).or_default().push(row);
        }
        lanes.retain(|project, _| !busy.contains(project));
        let mut begun = BTreeSet::new();
        for (project, rows) in lanes {
            let lane = self.working.spawn(deal(rows));
            begun.insert(lane.id());
            self.lanes.insert(lane.id(), (project, lane));
        }
        self.wait(begun).await
    }

    /// Waits for the lanes that have begun, but not for those that other ticks have left behind.
    async fn wait(&mut self, mut begun: BTreeSet<Id>) -> Result<u64, Error> {
        let mut done = 0;
        while let Some(ended) = self.working.try_join_next_with_id() {
            done += self.end(ended, &mut begun)?;
        }
        let patience = tokio::time::sleep(self.patience);
        tokio::pin!(patience);
        while !begun.is_empty() {
            tokio::select! {
                Some(ended) = self.working.join_next_with_id() => {
                    done += self.end(ended, &mut begun)?;
                }
                () = &mut patience => break,
                else => break,
            }
        }
        Ok(done)
    }

    /// Takes a lane down. One that panicked says so on its own; its rows are found again.
    fn end(
        &mut self,
        ended: Result<(Id, Outcome), JoinError>,
        begun: &mut BTreeSet<Id>,
    ) -> Outcome {
        let (lane, outcome) = ended.unwrap_or_else(|panicked| (panicked.id(), Ok(0)));
        self.lanes.remove(&lane);
        begun.remove(&lane);
        outcome
    }
}
