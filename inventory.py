"""The hosts to deploy to. The active host is the one that `make sandbox` starts; the comment below is a real one."""

# Each host is a name, or a name and its data. Data overrides group_data/<group>.py, which overrides group_data/all.py.
sandbox = [
    ("sandbox-1", {"ssh_port": 2222}),
]

# javisi = [
#     (
#         "sese",
#         {
#             "ssh_hostname": "sese.example.com",
#             "ssh_user": "root",
#             "plane_web_url": "https://work.example.com",
#             "plane_compose_dir": "/opt/javisi/plane",
#         },
#     ),
# ]
