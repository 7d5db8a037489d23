"""From a data set as its authors publish it to root/identity/type/view: `gait dataset arrange`."""
