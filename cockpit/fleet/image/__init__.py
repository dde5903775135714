"""Large files, disk images and block devices between two servers, by chunks with receipts.

`bundle` is the cockpit's half: it words the commands. The rest runs on the servers, sent over SSH each time and leaving
nothing behind but receipts: by their python3 (3.6 or newer, standard library only; `work` is the job), or by `posix.sh`
where a side has none. Knows no plan and no step.
"""
