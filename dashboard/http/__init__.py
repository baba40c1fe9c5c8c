"""The HTTP server around Streamlit: routes, archives and access."""
