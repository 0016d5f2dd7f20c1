//! What a caller may be allowed to do, named once for code, docs and tests.

macro_rules! permissions {
    ($($variant:ident = $name:literal: $doc:literal;)*) => {
        /// One thing that a key may be allowed to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Permission {
            $(#[doc = $doc] $variant,)*
        }

        impl Permission {
            /// Every permission there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name as a key lists it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it allows, in a sentence.
            #[must_use]
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }
        }
    };
}

permissions! {
    ProjectRead = "mobius.project.read": "See projects.";
    ProjectCreate = "mobius.project.create": "Create projects.";
    ProjectUpdate = "mobius.project.update": "Change a project's name and description.";
    ProjectDelete = "mobius.project.delete": "Delete a project with all that is in it.";
    WorkflowRead = "mobius.workflow.read": "See workflows and their versions.";
    WorkflowCreate = "mobius.workflow.create": "Create workflows.";
    WorkflowUpdate = "mobius.workflow.update": "Change workflows; a new spec makes a new version.";
    WorkflowDelete = "mobius.workflow.delete": "Delete workflows.";
    RunRead = "mobius.run.read": "See runs, their inputs, jobs and results.";
    RunStart = "mobius.run.start": "Start runs.";
    RunCancel = "mobius.run.cancel": "Cancel runs.";
    RunRetry = "mobius.run.retry": "Retry failed runs.";
    RunResume = "mobius.run.resume": "Resume paused runs.";
    RunSignal = "mobius.run.signal": "Send signals to runs.";
    ToolRead = "mobius.tool.read": "See published workflows as tools, and how their runs stand.";
    ToolRun = "mobius.tool.run": "Call tools.";
    InteractionRead = "mobius.interaction.read": "See interactions and their answers.";
    InteractionRespond = "mobius.interaction.respond": "Answer interactions.";
    JobClaim = "mobius.job.claim": "Claim jobs, and keep their leases with heartbeats.";
    JobComplete = "mobius.job.complete": "Report how a claimed job ended.";
    JobEmitEvent = "mobius.job.emit_event": "Add events to the history of a claimed job's run.";
    JobRead = "mobius.job.read": "See lanes, what is paused, and what a job waits for.";
    JobPause = "mobius.job.pause": "Pause queues and actions, and let their jobs go on.";
    WorkerRead = "mobius.worker.read": "See workers.";
}

/// The permission that stands for all of them.
const WILDCARD: &str = "mobius.*";

/// Whether a list of granted names holds the wanted permission. An empty list holds none.
#[must_use]
pub fn covers(granted: &[String], wanted: Permission) -> bool {
    granted
        .iter()
        .any(|name| name == WILDCARD || name == wanted.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_grants_nothing() {
        assert!(Permission::ALL.iter().all(|wanted| !covers(&[], *wanted)));
    }

    #[test]
    fn the_wildcard_grants_everything_and_a_name_grants_itself_alone() {
        for wanted in Permission::ALL {
            assert!(covers(&[WILDCARD.to_owned()], *wanted));
            for held in Permission::ALL {
                assert_eq!(covers(&[held.as_str().to_owned()], *wanted), held == wanted);
            }
        }
    }

    #[test]
    fn a_prefix_of_a_name_is_not_that_permission() {
        for name in [
            "mobius",
            "mobius.run",
            "mobius.run.*",
            "mobius.run.read ",
            "*",
            "",
        ] {
            assert!(!covers(&[name.to_owned()], Permission::RunRead), "{name:?}");
        }
    }
}
