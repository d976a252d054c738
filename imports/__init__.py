"""Files of shops and advertising platforms, read into canonical tables that say where each row comes from."""
