# mta
