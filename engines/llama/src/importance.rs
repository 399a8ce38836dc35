//! Importance matrices as llama.cpp's `imatrix` tool writes them (GGUF, and the older plain format), read with bounds: how
//! much each input of a matrix matters, which some quantizations need.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use dyno_models::gguf::{self, GgufHeader, TensorInfo, TensorType};

/// Largest file read, bytes; those of the largest models have some hundred megabytes.
const FILE_BYTES_MAX: u64 = 2 << 30;

/// Longest name of a matrix, bytes (GGUF's own limit).
const NAME_BYTES_MAX: usize = 64;

/// Importance of each input, by the name of the matrix; finite and not negative.
pub(crate) type Importance = BTreeMap<String, Vec<f32>>;

/// Reads a file.
///
/// # Errors
/// A sentence about what is wrong with it.
pub(crate) fn read(path: &Path) -> Result<Importance, String> {
    let refuse = |what: &str| format!("{} is no importance matrix: {what}", path.display());
    let metadata = std::fs::metadata(path).map_err(|error| refuse(&error.to_string()))?;
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return Err(refuse(&format!("it must be a file of at most {FILE_BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|error| refuse(&error.to_string()))?;
    let entries = if bytes.starts_with(&gguf::MAGIC) {
        from_gguf(path)
    } else {
        from_plain(&bytes).ok_or_else(|| "its entries are damaged".to_owned())
    };
    let entries = entries.map_err(|what| refuse(&what))?;
    if entries.is_empty() {
        return Err(refuse("it has no entries"));
    }
    let unsound = |values: &[f32]| values.iter().any(|value| !(0.0..f32::INFINITY).contains(value));
    match entries.iter().find(|(_, values)| unsound(values)) {
        Some((name, _)) => Err(refuse(&format!("{name} holds values that are negative or no numbers"))),
        None => Ok(entries),
    }
}

/// Sums of squared inputs `NAME.in_sum2` over their counts `NAME.counts`, one count per expert.
fn from_gguf(path: &Path) -> Result<Importance, String> {
    let header = GgufHeader::read(path).map_err(|error| error.to_string())?;
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut entries = Importance::new();
    for tensor in &header.tensors {
        let Some(name) = tensor.name.strip_suffix(".in_sum2") else { continue };
        let counts = header.tensors.iter().find(|other| other.name.strip_suffix(".counts") == Some(name));
        let counts = counts.ok_or_else(|| format!("{name} has no counts"))?;
        let mut values = floats(&header, tensor, &file)?;
        let counts = floats(&header, counts, &file)?;
        if counts.is_empty() || !values.len().is_multiple_of(counts.len()) {
            return Err(format!("{name} has {} values and {} counts", values.len(), counts.len()));
        }
        let inputs = values.len() / counts.len();
        for (share, count) in values.chunks_mut(inputs.max(1)).zip(&counts) {
            // An expert that was never asked says nothing: all its inputs count alike.
            let mean = |value: &mut f32| *value = if *count > 0.0 { *value / *count } else { 1.0 };
            share.iter_mut().for_each(mean);
        }
        entries.insert(name.to_owned(), values);
    }
    Ok(entries)
}

/// A tensor's values; the header reader has checked that its bytes lie in the file.
fn floats(header: &GgufHeader, tensor: &TensorInfo, file: &File) -> Result<Vec<f32>, String> {
    if tensor.kind != TensorType::F32 {
        return Err(format!("{} is of type {}, not f32", tensor.name, tensor.kind.name()));
    }
    let length = usize::try_from(tensor.bytes).map_err(|error| error.to_string())?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, header.data.begin + tensor.offset).map_err(|error| error.to_string())?;
    Ok(little_endian(&bytes))
}

fn little_endian(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

/// The older format: a count, then per entry name, number of calls and values, with their lengths (all `i32`); what follows
/// is of no interest.
fn from_plain(bytes: &[u8]) -> Option<Importance> {
    let mut rest = bytes;
    let count = number(&mut rest)?;
    let mut entries = Importance::new();
    for _ in 0..count {
        let length = number(&mut rest).filter(|length| *length <= NAME_BYTES_MAX)?;
        let name = String::from_utf8(take(&mut rest, length)?.to_vec()).ok()?;
        let calls = number(&mut rest)?;
        let values = number(&mut rest)?;
        let mut values = little_endian(take(&mut rest, values.checked_mul(4)?)?);
        values.iter_mut().for_each(|value| *value /= calls.max(1) as f32);
        entries.insert(name, values);
    }
    Some(entries)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

/// A count that is not negative.
fn number(rest: &mut &[u8]) -> Option<usize> {
    let bytes = take(rest, 4)?;
    usize::try_from(i32::from_le_bytes(*bytes.first_chunk()?)).ok()
}

#[cfg(test)]
mod tests {
    use dyno_models::gguf::{GgufPlan, GgufWriter, TensorSpec};

    use super::*;

    fn plain(entries: &[(&str, i32, &[f32])]) -> Vec<u8> {
        let mut bytes = i32::try_from(entries.len()).unwrap().to_le_bytes().to_vec();
        for (name, calls, values) in entries {
            bytes.extend(i32::try_from(name.len()).unwrap().to_le_bytes());
            bytes.extend(name.as_bytes());
            bytes.extend(calls.to_le_bytes());
            bytes.extend(i32::try_from(values.len()).unwrap().to_le_bytes());
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        bytes
    }

    fn read_bytes(bytes: &[u8]) -> Result<Importance, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read(file.path())
    }

    #[test]
    fn both_formats_give_means() {
        let got = read_bytes(&plain(&[("a", 2, &[2.0, 4.0]), ("b", 0, &[3.0])])).unwrap();
        assert_eq!(got, Importance::from([("a".into(), vec![1.0, 2.0]), ("b".into(), vec![3.0])]));
        let spec =
            |name: &str, length| TensorSpec { name: name.into(), shape: vec![length], kind: TensorType::F32 };
        let plan = GgufPlan::new(&[], &[spec("a.in_sum2", 4), spec("a.counts", 2)]).unwrap();
        let mut writer = GgufWriter::begin(Vec::new(), &plan).unwrap();
        for values in [vec![2.0_f32, 4.0, 7.0, 9.0], vec![2.0, 0.0]] {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            writer.data(&bytes).unwrap();
        }
        let got = read_bytes(&writer.finish().unwrap()).unwrap();
        assert_eq!(got, Importance::from([("a".into(), vec![1.0, 2.0, 1.0, 1.0])]));
    }

    #[test]
    fn damaged_files_are_refused_with_a_reason() {
        let sound = plain(&[("a", 2, &[2.0, 4.0])]);
        for length in 0..sound.len() {
            assert!(read_bytes(&sound[..length]).is_err(), "{length} bytes");
        }
        assert!(read_bytes(&plain(&[("a", 1, &[f32::NAN])])).unwrap_err().contains("no numbers"));
        assert!(read_bytes(&plain(&[("a", 1, &[-1.0])])).unwrap_err().contains("negative"));
        assert!(read_bytes(&plain(&[("a", -1, &[1.0])])).is_err());
        assert!(read_bytes(&i32::MAX.to_le_bytes()).is_err());
        assert!(read_bytes(b"GGUF and no more").is_err());
        assert!(read(Path::new("/")).unwrap_err().contains("must be a file"));
    }
}
