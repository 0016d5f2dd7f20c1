//! Workflow semantics: validation, expressions, and the run state machine.
