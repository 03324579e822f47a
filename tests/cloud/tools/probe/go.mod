module gaia-dmp/tests/probe

go 1.26.0
