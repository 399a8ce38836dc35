//! What a path may be besides a good file.

use std::cell::RefCell;
use std::fs::File;

use dyno_models::gguf::{GgufHeader, ReadAt};
use dyno_models::read_facts;

use crate::seventy_billion;

#[test]
fn paths_that_are_no_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let says = |path: &std::path::Path, text: &str| {
        let error = read_facts(path, "x").unwrap_err().to_string();
        assert!(error.contains(text) && error.contains(path.to_str().unwrap()), "{error}");
    };
    says(folder.path(), "directory");
    says(&folder.path().join("missing.gguf"), "does not exist");
    let error = GgufHeader::read(&folder.path().join("missing.gguf")).unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
    says(std::path::Path::new("/dev/null"), "not a regular file");
    let empty = folder.path().join("empty.gguf");
    File::create(&empty).unwrap();
    says(&empty, "empty");
    let pipe = folder.path().join("pipe.gguf");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    says(&pipe, "not a regular file");
}

/// A source that notes what is asked of it.
struct Watched<S> {
    source: S,
    piece_bytes_max: usize,
    /// Begin and end of every piece.
    pieces: RefCell<Vec<(u64, u64)>>,
}

impl<S> Watched<S> {
    fn new(source: S, piece_bytes_max: usize) -> Self {
        Self { source, piece_bytes_max, pieces: RefCell::new(Vec::new()) }
    }
}

impl<S: ReadAt> ReadAt for Watched<S> {
    fn length(&self) -> std::io::Result<u64> {
        self.source.length()
    }

    fn read_exact_at(&self, target: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.pieces.borrow_mut().push((offset, offset + target.len() as u64));
        self.source.read_exact_at(target, offset)
    }

    fn piece_bytes_max(&self) -> usize {
        self.piece_bytes_max
    }
}

#[test]
fn the_header_of_a_sparse_141_gb_file_is_read_and_nothing_else() {
    let plan = seventy_billion::plan();
    assert!(plan.file_bytes > 141_000_000_000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.gguf");
    let file = match seventy_billion::write_sparse(&plan, &path) {
        Ok(file) => file,
        Err(error) => {
            eprintln!(
                "SKIPPED: the_header_of_a_sparse_141_gb_file_is_read_and_nothing_else: no sparse file of that size here: {error}"
            );
            return;
        }
    };
    let watched = Watched::new(File::open(&path).unwrap(), 0);
    let header = GgufHeader::read_at(&watched).unwrap();
    assert_eq!((&header.tensors, header.file_bytes), (&plan.tensors, plan.file_bytes));
    let read = watched.pieces.borrow().last().unwrap().1;
    assert!(read < plan.header.len() as u64 + 256 * 1024, "{read} bytes were read");
    let facts = read_facts(&path, "x").unwrap();
    assert_eq!((facts.parameters, facts.vocabulary), (70_553_706_496, Some(128_256)));
    // Less than the last tensor needs (its padding does not count).
    file.set_len(plan.file_bytes - 4096).unwrap();
    let error = read_facts(&path, "x").unwrap_err().to_string();
    assert!(error.contains("output_norm.weight") && error.contains("needs bytes"), "{error}");
}

#[test]
fn a_source_with_dear_requests_is_read_in_few_growing_pieces() {
    let plan = seventy_billion::plan();
    // As a server would: the header is there, the rest never asked for.
    let length = plan.file_bytes;
    let remote = Watched::new(Beginning { bytes: &plan.header, length }, 4 * 1024 * 1024);
    let header = GgufHeader::read_at(&remote).unwrap();
    assert_eq!((header.tensors, header.file_bytes), (plan.tensors, length));
    let pieces = remote.pieces.borrow();
    assert!(pieces.windows(2).all(|pair| pair[0].1 == pair[1].0), "gaps or repeats: {pieces:?}");
    assert_eq!(pieces[0], (0, 256 * 1024));
    let read = pieces.last().unwrap().1;
    assert!(pieces.len() <= 7 && read <= 2 * header.header_bytes, "{pieces:?}");
}

/// The first bytes of a long file; zeros follow.
struct Beginning<'a> {
    bytes: &'a [u8],
    length: u64,
}

impl ReadAt for Beginning<'_> {
    fn length(&self) -> std::io::Result<u64> {
        Ok(self.length)
    }

    fn read_exact_at(&self, target: &mut [u8], offset: u64) -> std::io::Result<()> {
        let begin = usize::try_from(offset).unwrap().min(self.bytes.len());
        let count = target.len().min(self.bytes.len() - begin);
        target.fill(0);
        target[..count].copy_from_slice(&self.bytes[begin..begin + count]);
        Ok(())
    }
}

#[test]
fn a_source_that_fails_or_ends_early_is_refused() {
    struct Broken(std::io::ErrorKind);
    impl ReadAt for Broken {
        fn length(&self) -> std::io::Result<u64> {
            Ok(1 << 30)
        }
        fn read_exact_at(&self, _: &mut [u8], _: u64) -> std::io::Result<()> {
            Err(self.0.into())
        }
    }
    let says = |kind| GgufHeader::read_at(Broken(kind)).unwrap_err().to_string();
    assert!(says(std::io::ErrorKind::UnexpectedEof).contains("ends too early"));
    assert!(says(std::io::ErrorKind::ConnectionReset).contains("cannot be read"));
}
