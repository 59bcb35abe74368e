"""The pages people look at: server-rendered, in Chinese, usable without any script."""
