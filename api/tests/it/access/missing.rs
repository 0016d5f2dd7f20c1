//! What is not there is 404, whatever stands in the path.

use mobius_types::{InteractionId, JobId, ProjectId, RunId, WorkflowId};

use crate::harness::{Ids, ROUTES, TestServer};

#[tokio::test]
async fn a_project_that_is_not_there_is_not_found() {
    let server = TestServer::start().await;
    let made = Ids::made_in(&server.tenant).await;
    let names = [
        "nowhere".to_owned(),
        ProjectId::generate().to_string(),
        WorkflowId::generate().to_string(),
        made.project_id.to_uppercase(),
        "Default".to_owned(),
        "%00".to_owned(),
        "default%00".to_owned(),
        "%ff".to_owned(),
        "a%2Fb".to_owned(),
        "x".repeat(10_000),
    ];
    for project in names {
        let ids = Ids {
            project,
            ..made.clone()
        };
        for route in ROUTES.iter().filter(|route| route.is_in_project()) {
            let answer = route.call(&server.owner, &route.at(&ids)).await;
            let message = answer.error(404, "not_found");
            assert_eq!(message, "project not found", "{}", route.at(&ids));
        }
    }
}

#[tokio::test]
async fn an_id_that_is_unknown_malformed_or_of_another_type_is_not_found() {
    let server = TestServer::start().await;
    let made = Ids::made_in(&server.tenant).await;
    let run = made.run.strip_prefix("run_").unwrap();
    let bad = [
        "x".to_owned(),
        "%00".to_owned(),
        "%ff".to_owned(),
        run.to_owned(),
        format!("key_{run}"),
        format!("run_{run}%20"),
        "run_".to_owned(),
        "'".to_owned(),
    ];
    let unknown = Ids {
        project: "default".to_owned(),
        project_id: ProjectId::generate().to_string(),
        workflow: WorkflowId::generate().to_string(),
        run: RunId::generate().to_string(),
        job: JobId::generate().to_string(),
        tool: "unknown".to_owned(),
        interaction: InteractionId::generate().to_string(),
    };
    let mixed_up = Ids {
        project_id: made.workflow.clone(),
        workflow: made.run.clone(),
        run: made.job.clone(),
        job: made.project_id.clone(),
        tool: made.workflow.clone(),
        interaction: made.run.clone(),
        ..unknown.clone()
    };
    let malformed = bad.into_iter().map(|id| Ids {
        project: "default".to_owned(),
        project_id: id.clone(),
        workflow: id.clone(),
        run: id.clone(),
        job: id.clone(),
        tool: id.clone(),
        interaction: id,
    });
    for ids in malformed.chain([unknown, mixed_up]) {
        for route in ROUTES.iter().filter(|route| route.names_something()) {
            let answer = route.call(&server.owner, &route.at(&ids)).await;
            let message = answer.error(404, "not_found");
            assert!(message.ends_with(" not found"), "{message}");
        }
    }
}
