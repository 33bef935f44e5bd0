// placeholder for install order
