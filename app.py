"""The Streamlit app: `streamlit run app.py`, or `earmark app`."""

# Worker processes import this file too, under another name, and must not draw anything.
if __name__ == "__main__":
    from earmark.classify.app import main

    main()
