//! NUMA: parts of the memory that are nearer to some processors than to others.

use crate::Sources;
use crate::processor::{count, count_list};

/// Linux knows at most this many; more is a misreading.
const NODES_MAX: u32 = 1024;

/// Nodes with memory; 0 when the system does not say.
pub(crate) fn nodes(sources: &Sources) -> u32 {
    let folder = "sys/devices/system/node";
    let listed = ["has_memory", "online"]
        .iter()
        .find_map(|name| sources.line(format!("{folder}/{name}")))
        .map_or(0, |list| count_list(&list));
    let nodes = if listed > 0 { listed } else { count(sources.numbered(folder, "node").len()) };
    if nodes <= NODES_MAX { nodes } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn nodes_are_those_with_memory() {
        let cases: [(&[(&str, &str)], u32); 7] = [
            (&[("has_memory", "0-1\n"), ("online", "0-3\n")], 2),
            (&[("online", "0\n")], 1),
            (&[("node0/meminfo", ""), ("node1/meminfo", ""), ("power/x", "")], 2),
            (&[("has_memory", "\n"), ("node0/meminfo", "")], 1),
            (&[("has_memory", "-1\n")], 0),
            (&[("has_memory", "0-4294967294\n")], 0),
            (&[], 0),
        ];
        for (files, expected) in cases {
            let folder = tempfile::tempdir().unwrap();
            for (name, text) in files {
                let file = folder.path().join("sys/devices/system/node").join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            assert_eq!(nodes(&Sources::at(folder.path())), expected, "{files:?}");
        }
    }
}
