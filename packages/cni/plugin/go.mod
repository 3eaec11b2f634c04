module ambit/cni-plugin

go 1.24
