import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0015_count_stored_bytes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='trainedmodel',
            name='is_offered',
            field=models.BooleanField(default=True, help_text='Otherwise only its owner and the people of its project see and choose it.', verbose_name='offered to all'),
        ),
        migrations.AddField(
            model_name='trainedmodel',
            name='owner',
            field=models.ForeignKey(blank=True, help_text='Who had it adapted; nobody for a shipped model.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='trained_models', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='trainedmodel',
            name='project',
            field=models.ForeignKey(blank=True, help_text='Whose people may choose it as well.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='trained_models', to='classifier.project'),
        ),
    ]
