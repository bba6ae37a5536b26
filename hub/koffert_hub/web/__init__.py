"""What people see of the hub in a browser: pages, the live stream, and the JSON behind them."""
