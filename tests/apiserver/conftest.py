pytest_plugins = ["wherry.testing.plugin"]
