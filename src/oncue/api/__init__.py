"""HTTP: one module per resource; `app.py` puts them together, `front.py` is the process."""
