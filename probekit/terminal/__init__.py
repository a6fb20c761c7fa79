"""What people see while runs go on: messages, bars and tables on stderr."""
