"""Seven embedded SSH servers and a whole night to run on them: the demo. Nobody else imports it.

`python -m cockpit.lab DIRECTORY` serves them. Each has a folder of its own as its root, tools and limits of its own, and runs
commands as this user: no root, no containers, nothing installed. What a container would keep apart (processes, the boot id,
paths written out in full) they share with this machine.
"""
