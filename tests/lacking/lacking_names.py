"""What a platform may lack of Python's own library: what Windows does not have, and somebody could want here."""

MODULES = frozenset({"curses", "fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"})

_OF_OS = """
O_CLOEXEC O_DIRECTORY O_NOCTTY O_NOFOLLOW O_NONBLOCK O_SYNC WIFEXITED WNOHANG chown confstr copy_file_range fchdir fchmod fchown
fdatasync fork forkpty fstatvfs getegid geteuid getgid getgroups getloadavg getpgid getpgrp getpriority getresuid getsid getuid
initgroups killpg lchown memfd_create mkfifo mknod nice openpty pidfd_open posix_fadvise posix_fallocate posix_spawn pread pwrite
register_at_fork sched_getaffinity sched_setaffinity sendfile setpgid setpriority setsid setuid statvfs sync sysconf sysconf_names
ttyname uname wait wait3 wait4 waitid
"""
_OF_SIGNAL = """
SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGUSR1 SIGUSR2 SIGXCPU alarm pause pidfd_send_signal pthread_kill
pthread_sigmask setitimer sigwait sigwaitinfo
"""

NAMES = {
    "os": frozenset(_OF_OS.split()),
    "signal": frozenset(_OF_SIGNAL.split()),
    "time": frozenset({"CLOCK_BOOTTIME", "CLOCK_MONOTONIC", "CLOCK_REALTIME", "clock_gettime", "pthread_getcpuclockid", "tzset"}),
    "socket": frozenset({"AF_UNIX", "if_nameindex", "recv_fds", "send_fds"}),
    "errno": frozenset({"EDQUOT"}),
}
"""Module -> names it may not have."""

POPEN = frozenset({"group", "extra_groups", "pass_fds", "preexec_fn", "process_group", "start_new_session", "umask", "user"})
"""Arguments of ``subprocess.Popen`` that do nothing or are refused elsewhere."""
