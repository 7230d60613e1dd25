"""The engine: the only folder that imports torch. Its modules run in processes of their own."""
