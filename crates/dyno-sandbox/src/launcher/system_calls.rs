//! The system calls that a computation in Python needs; every other one is refused.
//!
//! A list of what is allowed, not of what is forbidden: a call that a later kernel brings is refused until somebody reads about it.

use std::collections::BTreeMap;

use libc::{
    SYS_brk, SYS_chdir, SYS_clock_getres, SYS_clock_gettime, SYS_clock_nanosleep, SYS_clone, SYS_clone3,
    SYS_close, SYS_close_range, SYS_dup, SYS_dup3, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait,
    SYS_eventfd2, SYS_execve, SYS_exit, SYS_exit_group, SYS_faccessat, SYS_faccessat2, SYS_fadvise64,
    SYS_fchdir, SYS_fcntl, SYS_fdatasync, SYS_flock, SYS_fstat, SYS_fstatfs, SYS_fsync, SYS_ftruncate,
    SYS_futex, SYS_get_robust_list, SYS_getcpu, SYS_getcwd, SYS_getdents64, SYS_getegid, SYS_geteuid,
    SYS_getgid, SYS_getgroups, SYS_getitimer, SYS_getpgid, SYS_getpid, SYS_getppid, SYS_getpriority,
    SYS_getrandom, SYS_getresgid, SYS_getresuid, SYS_getrlimit, SYS_getrusage, SYS_getsid, SYS_gettid,
    SYS_gettimeofday, SYS_getuid, SYS_ioctl, SYS_kill, SYS_lseek, SYS_madvise, SYS_membarrier, SYS_mmap,
    SYS_mprotect, SYS_mremap, SYS_munmap, SYS_nanosleep, SYS_newfstatat, SYS_openat, SYS_pipe2, SYS_ppoll,
    SYS_pread64, SYS_preadv, SYS_prlimit64, SYS_pselect6, SYS_pwrite64, SYS_pwritev, SYS_read,
    SYS_readlinkat, SYS_readv, SYS_restart_syscall, SYS_rseq, SYS_rt_sigaction, SYS_rt_sigpending,
    SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_sched_get_priority_max,
    SYS_sched_get_priority_min, SYS_sched_getaffinity, SYS_sched_getparam, SYS_sched_getscheduler,
    SYS_sched_yield, SYS_set_robust_list, SYS_set_tid_address, SYS_setitimer, SYS_sigaltstack, SYS_statx,
    SYS_sysinfo, SYS_tgkill, SYS_times, SYS_umask, SYS_uname, SYS_unlinkat, SYS_wait4, SYS_write, SYS_writev,
};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Calls that are allowed with any arguments. Files are named by [`opening`] and, where they hold, by Landlock's rules.
const ALWAYS: &[i64] = &[
    SYS_brk,
    SYS_chdir,
    SYS_clock_getres,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_close,
    SYS_close_range,
    SYS_dup,
    SYS_dup3,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_eventfd2,
    SYS_execve,
    SYS_exit,
    SYS_exit_group,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_fadvise64,
    SYS_fchdir,
    SYS_fdatasync,
    SYS_flock,
    SYS_fstat,
    SYS_fstatfs,
    SYS_fsync,
    SYS_ftruncate,
    SYS_futex,
    SYS_get_robust_list,
    SYS_getcpu,
    SYS_getcwd,
    SYS_getdents64,
    SYS_getegid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getgroups,
    SYS_getitimer,
    SYS_getpgid,
    SYS_getpid,
    SYS_getppid,
    SYS_getpriority,
    SYS_getrandom,
    SYS_getresgid,
    SYS_getresuid,
    SYS_getrlimit,
    SYS_getrusage,
    SYS_getsid,
    SYS_gettid,
    SYS_gettimeofday,
    SYS_getuid,
    SYS_lseek,
    SYS_madvise,
    SYS_membarrier,
    SYS_mmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_munmap,
    SYS_nanosleep,
    SYS_newfstatat,
    SYS_pipe2,
    SYS_ppoll,
    SYS_pread64,
    SYS_preadv,
    SYS_pselect6,
    SYS_pwrite64,
    SYS_pwritev,
    SYS_read,
    SYS_readlinkat,
    SYS_readv,
    SYS_restart_syscall,
    SYS_rseq,
    SYS_rt_sigaction,
    SYS_rt_sigpending,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigsuspend,
    SYS_rt_sigtimedwait,
    SYS_sched_get_priority_max,
    SYS_sched_get_priority_min,
    SYS_sched_getaffinity,
    SYS_sched_getparam,
    SYS_sched_getscheduler,
    SYS_sched_yield,
    SYS_set_robust_list,
    SYS_set_tid_address,
    SYS_setitimer,
    SYS_sigaltstack,
    SYS_statx,
    SYS_sysinfo,
    SYS_times,
    SYS_umask,
    SYS_uname,
    SYS_wait4,
    SYS_write,
    SYS_writev,
    // Allowed here so that the filter below decides.
    SYS_clone3,
];

/// Older forms of the same calls, which only this architecture has.
#[cfg(target_arch = "x86_64")]
const OLDER: &[i64] = &[
    libc::SYS_access,
    libc::SYS_alarm,
    libc::SYS_arch_prctl,
    libc::SYS_dup2,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_getdents,
    libc::SYS_getpgrp,
    libc::SYS_lstat,
    libc::SYS_pause,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[i64] = &[];

/// Requests to devices that a program makes without knowing it: "is this a terminal?" and the like. Not among them: typing into
/// a terminal, and signals on input.
const DEVICE_REQUESTS: [u64; 5] =
    [libc::TCGETS, libc::TIOCGWINSZ, libc::FIONREAD, libc::FIOCLEX, libc::FIONBIO];

/// Not among them: naming a process that shall get a signal on input.
const DESCRIPTOR_COMMANDS: [i32; 9] = [
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_GETLK,
    libc::F_SETLK,
    libc::F_SETLKW,
];

/// What may be done to files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// Nothing can be opened for writing: no rules about files hold.
    Nothing,
    /// Files can be made and written, and stay where they can be counted.
    ToStay,
    /// Files can be removed, too: the disk is the program's own.
    Freely,
}

/// Refuses every call that is not listed, for this thread and what it becomes.
pub(super) fn restrict(writing: Writing) -> Result<(), String> {
    // Its arguments are in memory, where a filter cannot look; the C library then uses the older call.
    let thread_creation = BTreeMap::from([(SYS_clone3, vec![])]);
    let no_such_call = SeccompAction::Errno(libc::ENOSYS as u32);
    install(filter(thread_creation, SeccompAction::Allow, no_such_call))?;
    let rules = rules(writing, std::process::id()).map_err(|error| error.to_string())?;
    install(filter(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow))
}

fn install(program: Result<BpfProgram, BackendError>) -> Result<(), String> {
    let program = program.map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&program).map_err(|error| error.to_string())
}

fn filter(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, otherwise, matched, architecture)?.try_into()
}

/// What is allowed to the process with this id.
fn rules(writing: Writing, pid: u32) -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALWAYS.iter().chain(OLDER).map(|call| (*call, Vec::new())).collect();
    let own = || Ok(vec![SeccompRule::new(vec![equals(0, u64::from(pid))?])?]);
    rules.insert(SYS_kill, own()?);
    rules.insert(SYS_tgkill, own()?);
    // Threads, but no processes.
    rules
        .insert(SYS_clone, vec![SeccompRule::new(vec![masked(0, libc::CLONE_THREAD, libc::CLONE_THREAD)?])?]);
    // Limits can be asked for: without a new limit.
    let no_new_limit = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
    rules.insert(SYS_prlimit64, vec![SeccompRule::new(vec![no_new_limit])?]);
    rules.insert(SYS_ioctl, any_of(1, DEVICE_REQUESTS.into_iter())?);
    rules.insert(SYS_fcntl, any_of(1, DESCRIPTOR_COMMANDS.into_iter().map(|command| command as u64))?);
    rules.insert(SYS_openat, opening(2, writing)?);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, opening(1, writing)?);
    if writing == Writing::Freely {
        rules.insert(SYS_unlinkat, vec![]);
        #[cfg(target_arch = "x86_64")]
        rules.insert(libc::SYS_unlink, vec![]);
    }
    Ok(rules)
}

/// How files may be opened, with the flags in this argument.
fn opening(argument: u8, writing: Writing) -> Result<Vec<SeccompRule>, BackendError> {
    let rule = |mask: i32, value: i32| SeccompRule::new(vec![masked(argument, mask, value)?]);
    // Emptying a file while opening it for reading is writing, which the first versions of Landlock do not see.
    let mut rules = vec![rule(libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC, libc::O_RDONLY)?];
    if writing != Writing::Nothing {
        // A file without a name would be one that nobody can count. The flag shares a bit with O_DIRECTORY.
        let unnamed = libc::O_TMPFILE & !libc::O_DIRECTORY;
        rules.push(rule(libc::O_ACCMODE | unnamed, libc::O_WRONLY)?);
        rules.push(rule(libc::O_ACCMODE | unnamed, libc::O_RDWR)?);
    }
    Ok(rules)
}

fn equals(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn masked(argument: u8, mask: i32, value: i32) -> Result<SeccompCondition, BackendError> {
    let operator = SeccompCmpOp::MaskedEq(u64::from(mask as u32));
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, u64::from(value as u32))
}

fn any_of(argument: u8, values: impl Iterator<Item = u64>) -> Result<Vec<SeccompRule>, BackendError> {
    values.map(|value| SeccompRule::new(vec![equals(argument, value)?])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_can_be_built_and_hold_no_way_out() {
        for writing in [Writing::Nothing, Writing::ToStay, Writing::Freely] {
            let rules = rules(writing, 7).unwrap();
            let forbidden = [
                libc::SYS_socket,
                libc::SYS_socketpair,
                libc::SYS_connect,
                libc::SYS_io_uring_setup,
                libc::SYS_ptrace,
                libc::SYS_execveat,
                libc::SYS_memfd_create,
                libc::SYS_setrlimit,
                libc::SYS_prctl,
                libc::SYS_tkill,
                libc::SYS_pidfd_send_signal,
                libc::SYS_mount,
                libc::SYS_unshare,
                libc::SYS_setsid,
                libc::SYS_setpgid,
                libc::SYS_process_vm_writev,
                libc::SYS_openat2,
                libc::SYS_fchmodat,
                libc::SYS_bpf,
                libc::SYS_shmget,
                libc::SYS_mkdirat,
                libc::SYS_renameat2,
                libc::SYS_linkat,
                libc::SYS_truncate,
            ];
            assert!(forbidden.iter().all(|call| !rules.contains_key(call)), "{writing:?}");
            assert_eq!(rules.contains_key(&SYS_unlinkat), writing == Writing::Freely);
            // A call that appears with conditions must not be allowed without any.
            for call in [SYS_kill, SYS_tgkill, SYS_clone, SYS_prlimit64, SYS_ioctl, SYS_fcntl, SYS_openat] {
                assert!(!rules[&call].is_empty(), "{call}");
            }
            assert!(filter(rules, SeccompAction::Errno(1), SeccompAction::Allow).is_ok());
        }
    }
}
