"""Files and folders: how what must last is written, who may read it, and how it is deleted."""
