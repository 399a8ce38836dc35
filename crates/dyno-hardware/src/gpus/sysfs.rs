//! AMD and Intel accelerators, from the text of their kernel drivers.

use std::path::Path;

use dyno_types::{GpuFacts, GpuKind};

use super::{free_bytes, plausible};
use crate::Sources;
use crate::sources::presentable;
use crate::thermal::celsius;

/// No machine holds more.
const CARDS_MAX: usize = 64;

/// Numbers of the makers on the PCI bus.
const AMD: u32 = 0x1002;
const INTEL: u32 = 0x8086;
const NVIDIA: u32 = 0x10de;

/// PCI classes of what can compute: display controllers and processing accelerators.
const CLASSES: [u32; 2] = [0x03, 0x12];

/// Names of devices, as distributions install them.
const NAME_LISTS: [&str; 3] = ["usr/share/hwdata/pci.ids", "usr/share/misc/pci.ids", "usr/share/pci.ids"];

/// Cards of AMD and Intel that a kernel driver has taken.
pub(crate) fn read(sources: &Sources) -> Vec<GpuFacts> {
    let cards = sources.numbered("sys/class/drm", "card");
    cards.iter().take(CARDS_MAX).filter_map(|card| facts(sources, card)).collect()
}

/// How many NVIDIA cards the bus shows, with or without a driver.
pub(crate) fn nvidia_cards(sources: &Sources) -> usize {
    let devices = sources.entries("sys/bus/pci/devices", "");
    let is_card = |device: &&std::path::PathBuf| {
        hexadecimal(sources, &device.join("vendor")) == Some(NVIDIA)
            && hexadecimal(sources, &device.join("class"))
                .is_some_and(|class| CLASSES.contains(&(class >> 16)))
    };
    devices.iter().filter(is_card).count()
}

fn facts(sources: &Sources, card: &Path) -> Option<GpuFacts> {
    let device = card.join("device");
    let (kind, maker, vendor) = match hexadecimal(sources, &device.join("vendor"))? {
        AMD => (GpuKind::Amd, "AMD", AMD),
        INTEL => (GpuKind::Intel, "Intel", INTEL),
        _ => return None,
    };
    let memory_bytes = memory_bytes(sources, card);
    Some(GpuFacts {
        kind,
        name: sources
            .name(device.join("product_name"))
            .or_else(|| listed_name(sources, vendor, hexadecimal(sources, &device.join("device"))?))
            .map_or_else(|| format!("{maker} GPU"), |name| with_maker(maker, name)),
        memory_bytes,
        memory_free_bytes: memory_free_bytes(sources, card, memory_bytes),
        driver: driver(sources, &device),
        temperature_c: temperature_c(sources, &device),
    })
}

/// Its own memory: amdgpu says it under the device, i915 under the card; 0 where neither does.
fn memory_bytes(sources: &Sources, card: &Path) -> u64 {
    let files = ["device/mem_info_vram_total", "lmem_total_bytes"];
    plausible(files.iter().find_map(|file| sources.number(card.join(file))))
}

fn memory_free_bytes(sources: &Sources, card: &Path, total: u64) -> Option<u64> {
    let available =
        || sources.number(card.join("lmem_avail_bytes")).filter(|free| total > 0 && *free <= total);
    free_bytes(total, sources.number(card.join("device/mem_info_vram_used"))).or_else(available)
}

/// Name of the kernel module, and its version where it states one.
fn driver(sources: &Sources, device: &Path) -> Option<String> {
    let uevent = sources.text(device.join("uevent"))?;
    let module = presentable(uevent.lines().find_map(|line| line.strip_prefix("DRIVER="))?)?;
    // The name becomes part of a path.
    let plain = module.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    let version =
        plain.then(|| sources.name(Path::new("sys/module").join(&module).join("version"))).flatten();
    Some(version.map_or(module.clone(), |version| format!("{module} {version}")))
}

fn temperature_c(sources: &Sources, device: &Path) -> Option<f64> {
    let chips = sources.entries(&device.join("hwmon").to_string_lossy(), "hwmon");
    chips.iter().find_map(|chip| celsius(sources, &chip.join("temp1_input")))
}

fn with_maker(maker: &str, name: String) -> String {
    if name.contains(maker) { name } else { format!("{maker} {name}") }
}

/// `0x1002` in a file.
fn hexadecimal(sources: &Sources, file: &Path) -> Option<u32> {
    u32::from_str_radix(sources.line(file)?.strip_prefix("0x")?, 16).ok()
}

/// The device's name in the system's list of PCI devices: a line `1002  Maker`, and below it lines `\t73bf  Name`.
fn listed_name(sources: &Sources, vendor: u32, device: u32) -> Option<String> {
    let list = NAME_LISTS.iter().find_map(|file| sources.text(file))?;
    let vendor = format!("{vendor:04x}  ");
    let device = format!("\t{device:04x}  ");
    let mut lines = list.lines().skip_while(|line| !line.starts_with(&vendor)).skip(1);
    let of_vendor = lines.by_ref().take_while(|line| line.starts_with('\t') || line.starts_with('#'));
    of_vendor.filter_map(|line| line.strip_prefix(&device)).find_map(presentable)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A tree of files with arbitrary bytes.
    fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, bytes).unwrap();
        }
        folder
    }

    fn gpus_of(files: &[(&str, &[u8])]) -> Vec<GpuFacts> {
        read(&Sources::at(tree(files).path()))
    }

    const IDS: (&str, &[u8]) = (
        "usr/share/misc/pci.ids",
        b"# list\n1001  Other\n\t73bf  Wrong\n1002  Advanced Micro Devices\n\t1638  Cezanne\n# remark\n\t73bf  Navi 21 [Radeon RX 6900 XT]\n\t\t1002 0e3a  Board\n8086  Intel\n\t56a0  DG2 [Arc A770]\n",
    );

    #[test]
    fn a_card_of_amd_says_everything() {
        let gpus = gpus_of(&[
            IDS,
            ("sys/class/drm/card1/device/vendor", b"0x1002\n"),
            ("sys/class/drm/card1/device/device", b"0x73bf\n"),
            ("sys/class/drm/card1/device/uevent", b"DRIVER=amdgpu\nPCI_CLASS=30000\n"),
            ("sys/module/amdgpu/version", b"6.7.0\n"),
            ("sys/class/drm/card1/device/mem_info_vram_total", b"17163091968\n"),
            ("sys/class/drm/card1/device/mem_info_vram_used", b"163091968\n"),
            ("sys/class/drm/card1/device/hwmon/hwmon3/temp1_input", b"47000\n"),
            ("sys/class/drm/card1-DP-1/device/vendor", b"0x1002\n"),
        ]);
        let expected = GpuFacts {
            kind: GpuKind::Amd,
            name: "AMD Navi 21 [Radeon RX 6900 XT]".to_owned(),
            memory_bytes: 17_163_091_968,
            memory_free_bytes: Some(17_000_000_000),
            driver: Some("amdgpu 6.7.0".to_owned()),
            temperature_c: Some(47.0),
        };
        assert_eq!(gpus, [expected], "a connector is no card");
    }

    #[test]
    fn a_product_name_wins_and_a_missing_list_leaves_the_maker() {
        let gpus = gpus_of(&[
            ("sys/class/drm/card0/device/vendor", b"0x1002\n"),
            ("sys/class/drm/card0/device/product_name", b"AMD Instinct MI210\n"),
            ("sys/class/drm/card1/device/vendor", b"0x8086\n"),
            ("sys/class/drm/card1/lmem_total_bytes", b"17179869184\n"),
            ("sys/class/drm/card1/lmem_avail_bytes", b"17000000000\n"),
            ("sys/class/drm/card2/device/vendor", b"0x1a03\n"),
        ]);
        let seen: Vec<(&str, u64, Option<u64>)> =
            gpus.iter().map(|gpu| (gpu.name.as_str(), gpu.memory_bytes, gpu.memory_free_bytes)).collect();
        assert_eq!(
            seen,
            [("AMD Instinct MI210", 0, None), ("Intel GPU", 16 << 30, Some(17_000_000_000))],
            "a screen of a management controller computes nothing"
        );
    }

    #[test]
    fn hostile_text_gives_unknowns() {
        let cases: [(&[u8], &[u8], _, Option<u64>); 6] = [
            (b"-1\n", b"0\n", 0, None),
            (b"99999999999999999999999\n", b"1\n", 0, None),
            (b"18446744073709551615\n", b"1\n", 0, None),
            (b"\xff\xfe\xfd", b"\xff", 0, None),
            (b"1000\n", b"1001\n", 1000, None),
            (b"1000\n", b"-5\n", 1000, None),
        ];
        for (total, used, expected, free) in cases {
            let gpus = gpus_of(&[
                ("sys/class/drm/card0/device/vendor", b"0x1002\n"),
                ("sys/class/drm/card0/device/product_name", b"\x1b[2J\xff\xfe\x00evil\x07\n"),
                ("sys/class/drm/card0/device/mem_info_vram_total", total),
                ("sys/class/drm/card0/device/mem_info_vram_used", used),
                ("sys/class/drm/card0/device/uevent", b"DRIVER=../../etc\n"),
                ("sys/class/drm/card0/device/hwmon/hwmon0/temp1_input", b"9e999\n"),
            ]);
            let [gpu] = gpus.as_slice() else { panic!("{gpus:?}") };
            assert_eq!((gpu.memory_bytes, gpu.memory_free_bytes, gpu.temperature_c), (expected, free, None));
            assert!(gpu.name.contains("evil") && !gpu.name.chars().any(char::is_control), "{:?}", gpu.name);
        }
        for vendor in [&b"0x"[..], b"", b"1002", b"0x1002ffffff", b"0x-1002", &[0xff; 4096]] {
            assert_eq!(gpus_of(&[("sys/class/drm/card0/device/vendor", vendor)]), []);
        }
    }

    #[test]
    fn cards_on_the_bus_are_counted_by_maker_and_class() {
        let folder = tree(&[
            ("sys/bus/pci/devices/0000:01:00.0/vendor", b"0x10de\n"),
            ("sys/bus/pci/devices/0000:01:00.0/class", b"0x030000\n"),
            ("sys/bus/pci/devices/0000:01:00.1/vendor", b"0x10de\n"),
            ("sys/bus/pci/devices/0000:01:00.1/class", b"0x040300\n"),
            ("sys/bus/pci/devices/0000:02:00.0/vendor", b"0x10de\n"),
            ("sys/bus/pci/devices/0000:02:00.0/class", b"0x030200\n"),
            ("sys/bus/pci/devices/0000:03:00.0/vendor", b"0x8086\n"),
            ("sys/bus/pci/devices/0000:03:00.0/class", b"0x030000\n"),
        ]);
        assert_eq!(nvidia_cards(&Sources::at(folder.path())), 2, "the sound device of a card is no card");
        assert_eq!(nvidia_cards(&Sources::at(tree(&[]).path())), 0);
    }
}
