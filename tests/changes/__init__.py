"""Single changes of user code, each with what it must do to a stored run: train anew, or be served."""
