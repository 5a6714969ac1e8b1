"""Where to work from: any host that reaches Plane and may keep the tokens. Here it is this machine."""

lab = ["@local"]
