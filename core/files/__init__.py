"""Files and folders: durable writes, permissions, and deletion."""
