"""The deploy in examples/, and the operations without any deploy."""
