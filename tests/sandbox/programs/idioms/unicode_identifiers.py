# class: idiom
# about: Identifiers beyond ASCII, one of which is another in disguise
# case: ["4\n", "20 16"]
größe = int(input())
ﬁnal = größe * größe
π = 4
print(final + π, final)
