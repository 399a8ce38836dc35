//! Servers that lie.

use dyno_hub::HubError;

use crate::stand_in::{Answer, StandIn};
use crate::world::{World, hub_with, is_file, listing, noise};

const MIB: usize = 1 << 20;

fn is_clean(world: &World) -> bool {
    world.files().iter().all(|name| name.ends_with(".part") || name.ends_with(".journal"))
        && world.library().list(&world.job()).unwrap().is_empty()
}

#[test]
fn a_wrong_digest_never_gets_a_name() {
    let content = noise(3 * MIB, 1);
    let hub = hub_with(&content, |request, mut answer| {
        if is_file(request) && !answer.body.is_empty() {
            answer.body[0] ^= 1;
        }
        answer
    });
    let world = World::new(&hub);
    let error = world.find("hf:o/r").unwrap_err();
    assert!(matches!(error, HubError::WrongDigest { .. }) && error.is_model_failure(), "{error}");
    assert_eq!(hub.sent_bytes(), 2 * content.len() as u64, "tried once more from the beginning");
    assert!(world.files().is_empty(), "{:?}", world.files());
}

#[test]
fn damage_on_the_way_is_mended_by_beginning_anew() {
    let content = noise(2 * MIB, 2);
    let hub = hub_with(&content, |request, mut answer| {
        if is_file(request) && request.earlier == 0 {
            answer.body[7] ^= 1;
        }
        answer
    });
    let world = World::new(&hub);
    assert!(std::fs::read(&world.find("hf:o/r").unwrap().files[0]).unwrap() == content);
}

#[test]
fn lies_about_length_are_refused() {
    let content = noise(2 * MIB, 3);
    // The list says less or more than the server has.
    for listed in [MIB, 3 * MIB] {
        let (content, listed) = (content.clone(), noise(listed, 3));
        let hub = StandIn::start(move |request| {
            if is_file(request) {
                Answer::file(request, &content)
            } else {
                Answer::new(200, listing(&[("m.gguf", &listed)]))
            }
        });
        let world = World::new(&hub);
        let error = world.find("hf:o/r").unwrap_err();
        assert!(
            matches!(error, HubError::Unacceptable { .. } | HubError::Refused { status: 416, .. }),
            "{error}"
        );
        assert!(is_clean(&world));
    }
    // An answer that is longer or shorter than it says.
    for stated in [1u64 << 40, 100] {
        let hub = hub_with(&content, move |request, mut answer| {
            if is_file(request) {
                answer.stated_bytes = Some(stated);
            }
            answer
        });
        let world = World::new(&hub);
        // Too short is a cut that never ends; too long does not matter: nobody reads it.
        match world.find("hf:o/r") {
            Ok(found) => assert!(std::fs::read(&found.files[0]).unwrap() == content),
            Err(error) => {
                assert!(matches!(error, HubError::Unreachable { .. }) && is_clean(&world), "{error}")
            }
        }
    }
}

#[test]
fn a_page_in_the_place_of_a_model_is_told_by_its_size() {
    let content = noise(MIB, 4);
    let hub =
        hub_with(
            &content,
            |request, answer| {
                if is_file(request) { Answer::new(200, b"<html>log in</html>") } else { answer }
            },
        );
    let world = World::new(&hub);
    let error = world.find("hf:o/r").unwrap_err().to_string();
    assert!(error.contains("the file has 1048576 bytes, and it sends 19 bytes"), "{error}");
}

#[test]
fn another_range_than_asked_for_is_refused() {
    let content = noise(2 * MIB, 4);
    let whole = content.clone();
    let hub = hub_with(&content, move |request, answer| match request.range {
        Some((begin, end)) if is_file(request) && begin > 0 => {
            Answer::new(206, &whole[..(end - begin) as usize])
                .with("Content-Range", format!("bytes 0-{}/{}", end - begin - 1, whole.len()))
        }
        _ => answer,
    });
    let world = World::new(&hub);
    let error = world.find("hf:o/r").unwrap_err();
    assert!(matches!(error, HubError::Unacceptable { .. }), "{error}");
    assert!(is_clean(&world));
}

#[test]
fn bodies_without_end_are_not_read() {
    let content = noise(2 * MIB, 5);
    // Ranges that go on for ever are read as far as was asked.
    let hub = hub_with(&content, |request, answer| Answer { endless: is_file(request), ..answer });
    let world = World::new(&hub);
    assert!(std::fs::read(&world.find("hf:o/r").unwrap().files[0]).unwrap() == content);
    // A whole file that goes on for ever is refused.
    let whole = content.clone();
    let hub = hub_with(&content, move |request, answer| {
        if is_file(request) { Answer { endless: true, ..Answer::new(200, whole.clone()) } } else { answer }
    });
    let world = World::new(&hub);
    let error = world.find("hf:o/r").unwrap_err().to_string();
    assert!(error.contains("more than"), "{error}");
    // So is a list.
    let hub = StandIn::start(|_| Answer { endless: true, ..Answer::new(200, "[") });
    let error = World::new(&hub).find("hf:o/r").unwrap_err().to_string();
    assert!(error.contains("longer than"), "{error}");
}

#[test]
fn lists_that_are_none_are_refused() {
    for body in ["", "{}", "<html>login</html>", "null", "[[[[[[[["] {
        let hub = StandIn::start(move |_| Answer::new(200, body));
        let error = World::new(&hub).find("hf:o/r").unwrap_err();
        assert!(matches!(error, HubError::Unacceptable { .. }), "{body}: {error}");
    }
}

#[test]
fn evil_names_reach_neither_the_disk_nor_the_choice() {
    let content = noise(1000, 6);
    let evil = [
        "../../../evil.gguf",
        "/evil.gguf",
        "..\\evil.gguf",
        "a/../../evil.gguf",
        "CON.gguf",
        "e\u{1b}[2Jvil.gguf",
    ];
    for name in evil {
        let content = content.clone();
        let hub = StandIn::start(move |request| {
            if is_file(request) {
                Answer::file(request, &content)
            } else {
                Answer::new(200, listing(&[(name, &content)]))
            }
        });
        let world = World::new(&hub);
        let error = world.find("hf:o/r").unwrap_err();
        assert!(matches!(error, HubError::NoModels { .. }), "{name}: {error}");
        assert!(world.said("not acceptable"));
        assert!(hub.seen_of("/resolve/").is_empty() && !world.path("evil.gguf").exists());
    }
}

#[test]
fn the_token_goes_to_the_hub_and_nowhere_else() {
    let content = noise(MIB, 7);
    let elsewhere = {
        let content = content.clone();
        StandIn::start(move |request| Answer::file(request, &content))
    };
    let to = elsewhere.url();
    let hub = hub_with(&content, move |request, answer| {
        if is_file(request) { Answer::redirect(&format!("{to}/blob?Signature=s")) } else { answer }
    });
    let world = World::new(&hub).with_token("hf_secret");
    world.find("hf:o/r").unwrap();
    assert!(hub.seen().iter().all(|request| request.authorization.as_deref() == Some("Bearer hf_secret")));
    let there = elsewhere.seen();
    assert!(!there.is_empty() && there.iter().all(|request| request.authorization.is_none()), "{there:?}");
}

#[test]
fn redirects_in_a_circle_or_to_strange_places_end() {
    for to in ["/o/r/resolve/again", "ftp://host/x", "file:///etc/passwd", "http://", ""] {
        let hub = hub_with(
            b"x",
            move |request, answer| {
                if is_file(request) { Answer::redirect(to) } else { answer }
            },
        );
        let error = World::new(&hub).find("hf:o/r").unwrap_err();
        assert!(matches!(error, HubError::Unacceptable { .. }), "{to}: {error}");
        assert!(hub.seen_of("/resolve/").len() <= 9, "{to}");
    }
}

#[test]
fn errors_show_no_secrets() {
    let hub = hub_with(b"x", |request, answer| {
        if request.path.contains("/blob") {
            Answer::new(403, "")
        } else if is_file(request) {
            Answer::redirect("/blob?Signature=very-secret")
        } else {
            answer
        }
    });
    let error = World::new(&hub).with_token("hf_secret").find("hf:o/r").unwrap_err().to_string();
    assert!(error.contains("403") && error.contains("token") && !error.contains("secret"), "{error}");
}

#[test]
fn nobody_there_is_said_with_a_remedy() {
    let hub = StandIn::start(|_| Answer::new(200, ""));
    let mut world = World::new(&hub);
    drop(hub);
    world.settings.patience.retries = 0;
    let error = world.find("hf:o/r").unwrap_err();
    assert!(
        matches!(error, HubError::Unreachable { .. }) && error.to_string().contains("HF_ENDPOINT"),
        "{error}"
    );
    world.settings.offline = true;
    let error = world.find("hf:o/r").unwrap_err().to_string();
    assert!(error.contains("HF_HUB_OFFLINE"), "{error}");
}

/// Somebody who may write to the folder of a shared cache plants links under the names of files to come.
#[test]
fn planted_links_are_not_followed() {
    let content = noise(100_000, 9);
    let hub = hub_with(&content, |_, answer| answer);
    let world = World::new(&hub);
    let model = world.find("hf:o/r").unwrap().files.remove(0);
    let folder = model.parent().unwrap().to_owned();
    let name = model.file_name().unwrap().to_str().unwrap().to_owned();
    let private = world.path("private");
    for (end, is_refused) in [(".part", true), (".journal", false), (".sha256", false)] {
        world.library().remove("hf:o/r", &world.job()).unwrap();
        std::fs::write(&private, "mine").unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink(&private, folder.join(format!("{name}{end}"))).unwrap();
        let found = world.find("hf:o/r");
        assert_eq!(found.is_err(), is_refused, "{end}");
        assert_eq!(std::fs::read_to_string(&private).unwrap(), "mine", "{end}");
        if let Err(error) = found {
            assert!(error.to_string().contains("it is a link; remove it"), "{error}");
            std::fs::remove_file(folder.join(format!("{name}{end}"))).unwrap();
            world.find("hf:o/r").unwrap();
        }
    }
    let digest = folder.join(format!("{name}.sha256"));
    assert!(!digest.symlink_metadata().unwrap().is_symlink());
}

#[test]
fn what_nobody_vouches_for_must_be_a_model() {
    let page = b"<html>Please log in first.</html>".to_vec();
    for (content, is_model) in [(page, false), (noise(5000, 1), false), (crate::world::model("q8_0"), true)] {
        let hub = StandIn::start(move |request| {
            if is_file(request) {
                return Answer::file(request, &content);
            }
            let file = serde_json::json!({"rfilename": "m-Q8_0.gguf", "size": content.len()});
            Answer::new(200, serde_json::json!({"sha": crate::world::COMMIT, "siblings": [file]}).to_string())
        });
        let world = World::new(&hub);
        match world.find("hf:o/r") {
            Ok(found) => assert!(is_model && found.files[0].exists()),
            Err(error) => {
                assert!(!is_model && matches!(error, HubError::NoModel { .. }), "{error}");
                assert!(error.is_model_failure() && is_clean(&world), "{:?}", world.files());
            }
        }
    }
}

/// Whatever the server does, whoever waits for it can be stopped.
#[test]
fn a_server_that_drips_or_is_silent_keeps_nobody() {
    for is_silent in [true, false] {
        let content = crate::world::model("q8_0");
        let hub = hub_with(&content, move |_, mut answer| {
            if is_silent {
                // Until the end of the test; whoever wakes it early hears nothing either.
                std::thread::sleep(std::time::Duration::from_secs(100_000));
            }
            // After the first piece, for hours nothing.
            answer.bytes_per_s = Some(1);
            answer
        });
        let world = World::new(&hub);
        let job = world.job();
        let cancel = job.cancel.clone();
        std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(300));
            cancel.cancel();
        });
        let reference = dyno_models::HubReference::parse("hf:o/r").unwrap();
        let library = world.library();
        let stopped = |result: Result<(), HubError>| matches!(result, Err(HubError::Cancelled { .. }));
        assert!(stopped(library.remote_headers(&reference, &job).map(|_| ())));
        assert!(stopped(library.remote_header(&format!("{}/m.gguf", hub.url()), &job).map(|_| ())));
        assert!(stopped(library.find(&reference, &job).map(|_| ())));
    }
}
