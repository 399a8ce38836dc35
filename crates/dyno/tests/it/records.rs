//! The history file under hostile circumstances.

use crate::dyno::World;

#[test]
fn a_history_that_is_none_is_named_and_left_alone() {
    let world = World::new();
    let garbage = b"this is not a database, but somebody's diary".repeat(100);
    std::fs::write(world.path("history.sqlite"), &garbage).unwrap();
    world.run(&["history"]).refused(1, &["history.sqlite"]);
    assert_eq!(std::fs::read(world.path("history.sqlite")).unwrap(), garbage);
}

#[test]
fn an_empty_history_says_how_to_fill_it() {
    let finished = World::new().run(&["history"]);
    assert!(finished.err.contains("dyno bench"), "{}", finished.err);
    finished.ok();
}
